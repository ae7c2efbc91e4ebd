"""The command line that puts a command behind walls.

Both sandboxes build the same tree of processes, so everything above need not know which one it is:

    sandbox (bwrap | unshare)       on the host; when it has ended, nothing of the command is alive
    └── sh, PID 1 in there          waits for the command, hands its exit code up; its end ends all the rest
        ├── the watcher             kills the rest when the lifeline ends, a pipe that the worker holds open
        └── the command             the one that SIGTERM is sent to

The lifeline is there because --die-with-parent leaves a gap: a worker that is killed while bwrap is starting leaves a
command that nobody ends (seen once in some dozens of kills), and unshare has no such wish at all.

PID 1 is a shell for three reasons. The kernel ignores SIGTERM for a PID 1 that has no handler for it. bwrap's
own PID 1 lets the outer process end before orphans are dead, and those could still write to /pfs/out while it
is being kept. And a shell says 127 and 126 for a command that is missing or not executable, where bwrap
says 1.

    what                bubblewrap                              unshare (util-linux)
    the host            read-only                               as the user may
    /run, keys at home  hidden (hostroot.py has the list)       visible
    /tmp                the launch's own, on the store's disk   the host's
    the store           hidden                                  visible
    other pfs mounts    hidden                                  visible, when not run by root
    capabilities        none                                    root's, when run by root
    /pfs                need not exist on the host              must exist on the host
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pfsfuse.errors import JobError
from pfsfuse.worker import hostroot, imageroot
from pfsfuse.worker.namespace import detach
from pfsfuse.worker.user import User

log = logging.getLogger(__name__)

Kind = Literal["bubblewrap", "unshare"]

TMP = Path("/tmp")  # noqa: S108  the very directory that a launch gets one of its own in place of

PID_1 = (
    "{ read -r _; kill -9 -1; } <&3 3<&- & "  # the watcher
    'exec 3<&-; cd -- "$1" || exit 126; shift; (exec "$@"); exit $?'
)
"""$1 the working directory, then the command. `exec`: `echo` is the program, not the shell's own."""

# The view needs no read-only bind: it is a file system without writes.
BIND_THEN_PID_1 = 'mount --rbind "$1" /pfs && mount --bind "$2" /pfs/out || exit 126; shift 2; ' + PID_1


@dataclass(frozen=True, slots=True)
class Room:
    """Where one launch finds its things on the host."""

    view: Path
    """Its directory in the worker's mount; becomes /pfs."""
    out: Path
    """Becomes /pfs/out, writable."""
    home: Path
    """HOME, writable."""
    tmp: Path
    """Becomes /tmp, writable (bubblewrap only)."""
    home_inside: Path | None = None
    """Where the command finds `home`; None: at its own path."""
    switched: bool = False
    """Whether what /pfs shows is mounted below `view` while the command runs, `out` included (bubblewrap only)."""


@dataclass(frozen=True, slots=True)
class Host:
    """What the sandbox must know of the machine, read once per worker."""

    top: tuple[tuple[str, str | None], ...]
    """The names in `/`, each with its target when it is a symlink."""
    hidden: tuple[Path, ...]
    """Directories a command must not see: the store, the mounts of other pfs processes."""
    granted: tuple[Path, ...]
    """Directories it must see although they are below the host's /tmp: this Python and this package."""
    root: Path | None = None
    """What `hostroot.build` has put together; None: each launch binds what it needs itself."""
    devices: Path | None = None
    """What `hostroot.build_devices` has put together; None: bwrap does, for each launch."""


def choose(host: Host) -> Kind:
    """The best sandbox that works on this machine, tried once with a command that does nothing.

    Raises JobError, naming the ways out, when none does.
    """
    if shutil.which("bwrap") is not None:
        trial = (
            "bwrap",
            "--unshare-pid",
            *_host_binds(host),
            "--dev",
            "/dev",
            "--proc",
            "/proc",
            "--",
            "true",
        )
        if subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0:
            return "bubblewrap"
    if os.path.isdir("/pfs") and shutil.which("unshare") is not None:
        return "unshare"
    raise JobError(
        "commands cannot be given a /pfs of their own: bubblewrap is not installed or may not be used here",
        hint="install bubblewrap (`apt-get install bubblewrap`), or make the directory /pfs",
    )


def survey(store: Path, mounts: Sequence[str]) -> Host:
    """Look at `/` and decide what is hidden and what is granted."""
    top = tuple(
        (entry.name, os.readlink(entry.path) if entry.is_symlink() else None)
        for entry in sorted(os.scandir("/"), key=lambda entry: entry.name)
    )
    programs = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).resolve().parents[2]}
    return Host(
        top=top,
        hidden=(store, *(Path(mount) for mount in mounts if mount != "/pfs")),
        granted=tuple(sorted(path for path in programs if path.is_relative_to(TMP) and path != TMP)),
    )


@contextmanager
def open_root(kind: Kind, host: Host, where: Path) -> Iterator[Host]:
    """`host` with its root and devices put together, for a bubblewrap that has less to do; as it is where that is not
    allowed.

    What they are put together from is gone from `where` afterwards, a directory: nobody who removes directories meets
    the host in it.
    """
    if kind != "bubblewrap":
        yield host
        return
    root, devices = where / "root", where / "dev"
    try:
        try:
            host = replace(host, root=hostroot.build(host.top, root))
        except OSError as error:
            log.warning("commands see more of the host than they need: %s", error)
        try:
            host = replace(host, devices=hostroot.build_devices(devices))
        except OSError as error:
            log.warning("each launch puts together a /dev of its own: %s", error)
        yield host
    finally:
        detach(root)
        detach(devices)


def image_host(kind: Kind, root: Path) -> Host:
    """What takes the host's place for a command in an image. Raises JobError when this sandbox can give it none."""
    if kind != "bubblewrap":
        raise JobError("an image needs bubblewrap", hint="`apt-get install bubblewrap`")
    files = tuple(path for path in (Path("/", each) for each in imageroot.FILES) if path.exists())
    return Host(top=(), hidden=(), granted=files, root=root)


def argv(
    kind: Kind,
    room: Room,
    host: Host,
    cmd: Sequence[str],
    working_dir: str,
    run_as: User | None = None,
    *,
    network: bool = True,
) -> list[str]:
    """The command line that runs `cmd` in `room`, as another user if one is given, with the host's network or none."""
    if run_as is not None:
        cmd = [*run_as.prefix(), *cmd]
    if kind == "bubblewrap":
        # PID 1 stays root, to become the user and to end what runs as one.
        kept = ("setuid", "setgid", "kill") if run_as is not None else ()
        caps = [word for each in kept for word in ("--cap-add", f"CAP_{each.upper()}")]
        net = () if network else ("--unshare-net",)
        return [*_bubblewrap(room, host), *net, *caps, "--", "/bin/sh", "-c", PID_1, "sh", working_dir, *cmd]
    # Without root, the capability to mount needs a user namespace in which we are root.
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return [
        *(
            "unshare",
            *user,
            *(() if network else ("--net",)),
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--",
        ),
        *("/bin/sh", "-c", BIND_THEN_PID_1, "sh", str(room.view), str(room.out), working_dir, *cmd),
    ]


def _bubblewrap(room: Room, host: Host) -> Iterator[str]:
    yield from ("bwrap", "--unshare-pid", "--unshare-ipc", "--as-pid-1", "--die-with-parent", "--new-session")
    yield from ("--cap-drop", "ALL")
    if host.root is None:
        yield from _host_binds(host)
    else:
        yield from ("--ro-bind", str(host.root), "/")
    if host.devices is None:
        yield from ("--dev", "/dev")
    else:
        yield from ("--dev-bind", str(host.devices), "/dev", "--tmpfs", "/dev/shm")  # noqa: S108  not the host's
    yield from ("--proc", "/proc", "--bind", str(room.tmp), str(TMP))
    for path in host.hidden:
        yield from ("--tmpfs", str(path))
    for path in host.granted:
        yield from ("--ro-bind", str(path), str(path))
    yield from ("--bind", str(room.home), str(room.home_inside or room.home))
    yield from ("--ro-bind", str(room.view), "/pfs")
    if not room.switched:
        yield from ("--bind", str(room.out), "/pfs/out")
    if host.root is None:
        yield from ("--remount-ro", "/")


def _host_binds(host: Host) -> Iterator[str]:
    """Entry by entry onto bwrap's own root: `--ro-bind / /` fails on a host that has no /pfs to mount on."""
    for name, target in host.top:
        if target is not None:
            yield from ("--symlink", target, f"/{name}")
        elif name not in ("dev", "proc", "tmp", "pfs"):
            yield from ("--ro-bind-try", f"/{name}", f"/{name}")
