"""An unpacked image as the root directory of commands: places for what each launch has of its own, mounted over them.

An image may hold anything, links to `/etc` of whoever follows them included. Nothing here follows a link of the image
but as it would lead inside.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath

from pfsfuse.worker.removal import remove_tree

HOME = Path("/pfs-home")
"""HOME in an image, a place that no image has."""
PLACES = ("pfs", "proc", "dev", "tmp", "run", HOME.name)
"""Directories that each launch gets of its own."""
FILES = ("etc/resolv.conf", "etc/hosts")
"""The host's, so that names are found."""
HOPS = 40
"""Links that lead to one another before it counts as going in circles, as in Linux."""


def inside(root: Path, path: str) -> Path:
    """Where `path` leads for whoever has `root` as `/`: a path below `root` without links. Raises OSError when it goes
    in circles."""
    at: list[str] = []
    todo, hops = list(PurePosixPath(path).parts[::-1]), 0
    while todo:
        part = todo.pop()
        here = root.joinpath(*at, part.strip("/"))
        if part.startswith("/"):
            at = []
        elif part == "..":
            at = at[:-1]
        elif here.is_symlink():
            if (hops := hops + 1) > HOPS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            todo += PurePosixPath(os.readlink(here)).parts[::-1]
        else:
            at.append(part)
    return root.joinpath(*at)


def furnish(root: Path) -> None:
    """Make PLACES directories and FILES files, whatever the image has there. Raises OSError where that cannot be."""
    for place in PLACES:
        path = root / place
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            path.mkdir()
    for file in FILES:
        folder, _, name = file.partition("/")
        inner = inside(root, folder)
        inner.mkdir(parents=True, exist_ok=True)
        if (root / folder).is_symlink():  # made relative: bubblewrap mounts before the root is the root
            (root / folder).unlink()
            (root / folder).symlink_to(inner.relative_to(root))
        path = inner / name
        if path.is_symlink() or not path.is_file():
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            path.unlink(missing_ok=True)
            path.touch()


def has_shell(root: Path) -> bool:
    """Whether there is a /bin/sh, wherever in the image that leads."""
    return inside(root, "bin/sh").is_file()
