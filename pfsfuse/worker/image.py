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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pfsfuse.errors import JobError
from pfsfuse.worker.removal import remove_tree

HOME = Path("/pfs-home")
"""HOME in an image, a place that no image has."""
PLACES = ("pfs", "proc", "dev", "tmp", "run", HOME.name)
"""Directories that each launch gets of its own."""
FILES = ("etc/resolv.conf", "etc/hosts")
"""The host's, so that names are found."""
UNUSED_SECONDS = 30 * 86400
"""After so long without being asked for, an image's files are removed."""
WAYS_OUT = (
    "install podman (`apt-get install podman`), or create it with --ignore-image to use this host's programs"
)


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


def open_image(directory: Path, name: str) -> Image:
    """The image called `name`, its files below `directory`. May take minutes: it may have to be fetched.

    Raises JobError when there is no such image, or it is none that commands can be run in.
    """
    require_podman(name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(directory / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _inspect(name)
        root = directory / found["Id"].removeprefix("sha256:")
        if not root.is_dir():
            _unpack(found["Id"], name, root)
        os.utime(root)
    config = found.get("Config") or {}
    variables = (each.partition("=") for each in config.get("Env") or ())
    return Image(root, {key: value for key, _, value in variables}, config.get("WorkingDir") or "/")


def remove_unused(directory: Path) -> None:
    """Remove what was left half done, and images that nobody has asked for in a long time."""
    for path in directory.glob("[!.]*"):
        if path.name.startswith("new-") or time.time() - path.stat().st_mtime > UNUSED_SECONDS:
            remove_tree(path)


def _inspect(name: str) -> dict[str, Any]:
    command = ("podman", "image", "inspect", "--", name)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        _podman(name, "pull", "--quiet", "--", name)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise JobError(f"image {name!r} cannot be used: {_last_line(done.stderr)}")
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def _unpack(id: str, name: str, root: Path) -> None:
    new = Path(tempfile.mkdtemp(prefix="new-", dir=root.parent))
    container = _podman(name, "create", "--network", "none", "--", id, "true")
    try:
        with subprocess.Popen(("podman", "export", container), stdout=subprocess.PIPE) as export:
            as_root = ("--same-owner", "--numeric-owner") if os.geteuid() == 0 else ("--no-same-owner",)
            untar = ("tar", "-x", "-p", "-C", str(new), "--exclude=dev/*", *as_root)
            done = subprocess.run(untar, stdin=export.stdout, capture_output=True, text=True)
        if export.returncode or done.returncode:
            raise JobError(f"image {name!r} cannot be unpacked: {_last_line(done.stderr)}")
    except BaseException:
        remove_tree(new)
        raise
    finally:
        _podman(name, "rm", "--force", container)
    new.chmod(0o755)
    for place in PLACES:
        _make_place(new / place).mkdir(exist_ok=True)
    (new / "etc").mkdir(exist_ok=True)
    for file in FILES:
        _make_place(new / file).touch()
    if not os.path.lexists(new / "bin" / "sh"):
        remove_tree(new)
        raise JobError(f"image {name!r} has no /bin/sh, which commands are started with")
    new.rename(root)


def _make_place(path: Path) -> Path:
    """Something can be mounted on `path` itself, and not where a link of the image leads."""
    if path.is_symlink():
        with contextlib.suppress(OSError):
            path.unlink()
    return path


def _podman(name: str, *arguments: str) -> str:
    done = subprocess.run(("podman", *arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise JobError(f"image {name!r} cannot be used: {_last_line(done.stderr)}")
    return done.stdout.strip()


def _last_line(text: str) -> str:
    return next(iter(text.strip().splitlines()[::-1]), "podman does not say why")
