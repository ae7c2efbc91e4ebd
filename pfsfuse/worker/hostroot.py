"""The host as commands see it, put together once for each worker: a root directory to be bound as a whole.

    <worker>/root          a small tmpfs, read-only; seen by the worker and what it runs only
        usr, etc, home, …  the host's, read-only, with what is mounted in them
        run                empty: sockets of the host's services answer on a read-only mount too
        home/me/.ssh, …    empty: keys and tokens are no business of a command
        dev, proc, tmp, pfs   places for what each launch has of its own

    <worker>/dev           another, with null, zero, random and what else a program expects, and a devpts

bwrap reads the table of mounts for each thing that it binds: entry by entry a launch cost 18 ms of CPU, with the root
put together 12, with the devices too 10. Everything is nosuid and read-only already, and nodev but for the devices:
bwrap need not make it so, mount by mount. Pseudo-terminals are those of the worker: launches that run in it at once
see one another's, as processes of one user do everywhere.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Sequence
from pathlib import Path

from pfsfuse.worker.namespace import bind, mount_devpts, mount_tmpfs, mounts_below, seal

PLACES = ("dev", "proc", "tmp", "pfs")
"""Names in `/` that each launch gets of its own."""
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS = {
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "fd": "/proc/self/fd",
    "core": "/proc/kcore",
    "ptmx": "pts/ptmx",
}
EMPTIED = ("/run", "/boot", "/lost+found")
SECRETS = (".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".config/gcloud")
"""Below the home directory of whoever runs the worker, and of root."""
RESOLVER = Path("/etc/resolv.conf")
"""Often a link into /run."""


def build(top: Sequence[tuple[str, str | None]], where: Path) -> Path:
    """Put the root together at `where`. Raises OSError, and then nothing is mounted that matters."""
    where.mkdir(mode=0o755)
    mount_tmpfs(where)
    for name, target in top:
        place = where / name
        if target is not None:
            place.symlink_to(target)
        elif name not in PLACES:
            # A file of the top level that is gone or may not be read is left out.
            with contextlib.suppress(OSError):
                _place(place, like=Path("/", name))
                bind(Path("/", name), place)
    for name in PLACES:
        (where / name).mkdir(exist_ok=True)
    for path in hidden():
        # Where we may not look ourselves, there is nothing to hide from what we run.
        with contextlib.suppress(PermissionError):
            _empty(where / path.relative_to("/"))
    resolver = RESOLVER.resolve()
    if resolver.is_relative_to("/run") and resolver.exists():
        inside = where / resolver.relative_to("/")
        inside.parent.mkdir(parents=True)
        inside.touch()
        bind(resolver, inside)
    for path in mounts_below(where):
        seal(path)
    return where


def build_devices(where: Path) -> Path:
    """Put a /dev together at `where`, but for its `shm`, of which each launch has one of its own. Raises OSError."""
    where.mkdir(mode=0o755)
    mount_tmpfs(where)
    for name in DEVICES:
        (where / name).touch()
        bind(Path("/dev", name), where / name)
    for name, target in DEVICE_LINKS.items():
        (where / name).symlink_to(target)
    for name in ("shm", "pts"):
        (where / name).mkdir()
    mount_devpts(where / "pts")
    for path in (where, *(where / name for name in DEVICES)):
        seal(path, devices=True)
    return where


def hidden() -> list[Path]:
    """Directories of the host that no command sees, where they really are."""
    homes = {Path(pwd.getpwuid(0).pw_dir)}
    with contextlib.suppress(KeyError):
        homes.add(Path(pwd.getpwuid(os.geteuid()).pw_dir))
    return [*map(Path, EMPTIED), *(path for home in sorted(homes) for path in secrets(home))]


def secrets(home: Path) -> list[Path]:
    """Where the keys and tokens of a home directory are: behind a link, something else could be mounted over them
    without hiding them from who goes straight there."""
    return [Path(os.path.realpath(home / name)) for name in SECRETS]


def _empty(path: Path) -> None:
    if path.is_dir():
        mount_tmpfs(path)


def _place(path: Path, *, like: Path) -> None:
    if like.is_dir():
        path.mkdir()
    else:
        path.touch()
