"""Container images as root directories: podman fetches and opens them, our own sandbox runs what is in them.

    1. podman image inspect NAME      which image that is now; podman pull, when this host has none of that name
    2. <store>/scratch/images/<id>    there already: done
    3. podman create, export          the image's files, into a directory beside it
    4. rename                         a crash before it leaves a directory without a name, which is removed

So a command in an image has the same walls, limits, exit codes and end as any other, and starts in milliseconds:
`podman run` took 240 ms for each, and left the container running when it was killed. What it takes: the image's files
once more on disk, unpacked; and a /bin/sh in the image, which everything here is started with.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pfsfuse.errors import JobError
from pfsfuse.worker.imageroot import furnish, has_shell
from pfsfuse.worker.removal import remove_tree

UNUSED_SECONDS = 30 * 86400
"""After so long without being asked for, an image's files are removed."""
WAYS_OUT = (
    "install podman (`apt-get install podman`), or create it with --ignore-image to use this host's programs"
)
LOOK_SECONDS = 0.2
"""Between two looks whether an image is still wanted that is being fetched."""

Check = Callable[[], object]
"""Raises when whatever goes on is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image, ready to run in."""

    root: Path
    env: dict[str, str]
    """What the image sets."""
    working_dir: str
    """"/" when the image does not say."""


def require_podman(image: str) -> None:
    """Raise JobError, naming the two ways out, when images cannot be used on this host."""
    if shutil.which("podman") is None:
        raise JobError(f"image {image!r} needs podman, which is not installed", hint=WAYS_OUT)


def open_image(directory: Path, name: str, check: Check = lambda: None) -> Image:
    """The image called `name`, its files below `directory`. May take minutes: it may have to be fetched.

    Raises JobError when there is no such image, or it is none that commands can be run in, and what `check` raises,
    which is asked again and again; then nothing of it goes on.
    """
    require_podman(name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(directory / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _inspect(name, check)
        root = directory / found["Id"].removeprefix("sha256:")
        if not root.is_dir():
            _unpack(found["Id"], name, root, check)
        os.utime(root)
    config = found.get("Config") or {}
    variables = (each.partition("=") for each in config.get("Env") or ())
    return Image(root, {key: value for key, _, value in variables}, config.get("WorkingDir") or "/")


def remove_unused(directory: Path) -> None:
    """Remove what was left half done, and images that nobody has asked for in a long time; nothing while somebody
    unpacks one."""
    if not directory.is_dir():
        return
    with open(directory / ".lock", "w") as lock, contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in directory.glob("[!.]*"):
            if path.name.startswith("new-") or time.time() - path.stat().st_mtime > UNUSED_SECONDS:
                remove_tree(path)


def _inspect(name: str, check: Check) -> dict[str, Any]:
    command = ("podman", "image", "inspect", "--", name)
    done = _run(command, check)
    if done.returncode:
        _podman(name, check, "pull", "--quiet", "--", name)
        done = _run(command, check)
    if done.returncode:
        raise JobError(f"image {name!r} cannot be used: {_last_line(done.stderr)}")
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def _unpack(id: str, name: str, root: Path, check: Check) -> None:
    new = Path(tempfile.mkdtemp(prefix="new-", dir=root.parent))
    try:
        _export(id, name, new, check)
        new.chmod(0o755)
        furnish(new)
        if not has_shell(new):
            raise JobError(f"image {name!r} has no /bin/sh, which commands are started with")
        new.rename(root)
    except OSError as error:
        raise JobError(f"image {name!r} cannot be used: {error}") from None
    finally:
        remove_tree(new)


def _export(id: str, name: str, where: Path, check: Check) -> None:
    container = _podman(name, check, "create", "--network", "none", "--", id, "true")
    try:
        with subprocess.Popen(("podman", "export", container), stdout=subprocess.PIPE) as export:
            as_root = ("--same-owner", "--numeric-owner") if os.geteuid() == 0 else ("--no-same-owner",)
            untar = ("tar", "-x", "-p", "-C", str(where), "--exclude=dev/*", *as_root)
            done = _run(untar, check, stdin=export.stdout)
        if export.returncode or done.returncode:
            raise JobError(f"image {name!r} cannot be unpacked: {_last_line(done.stderr)}")
    finally:
        _podman(name, lambda: None, "rm", "--force", container)


def _podman(name: str, check: Check, *arguments: str) -> str:
    done = _run(("podman", *arguments), check)
    if done.returncode:
        raise JobError(f"image {name!r} cannot be used: {_last_line(done.stderr)}")
    return done.stdout.strip()


def _run(
    command: Sequence[str], check: Check, stdin: int | IO[bytes] | None = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    """What a program has said, once it has ended; it is killed when `check` raises."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=stdin, stdout=pipe, stderr=pipe, text=True, errors="replace"
    ) as process:
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    out, err = process.communicate(timeout=LOOK_SECONDS)
                    return subprocess.CompletedProcess(command, process.returncode, out, err)
                check()
        except BaseException:
            process.kill()
            raise


def _last_line(text: str) -> str:
    return next(iter(text.strip().splitlines()[::-1]), "podman does not say why")
