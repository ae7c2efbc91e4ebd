"""Writing files and directories of a commit to the host's file system.

Symlinks in a commit are data: they are written as they are and never followed. Everything is made below a
directory that is opened once, name by name without following links, so that nothing in a commit can lead a
write elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from store.records import Entry
from store.trees import Trees

BLOCK = 4 << 20


def export(
    trees: Trees, entry: Entry, target: str | Path, *, progress: Callable[[int], None] = lambda size: None
) -> None:
    """Write `entry` (a file, a symlink, or a directory with everything below) as the host's path `target`.

    Modes, mtimes and symlinks are kept. A file or symlink that is there is replaced; an existing directory is filled.
    `progress` is told the bytes of each block written. Raises OSError; then part of it may have been written.
    """
    parent, name = os.path.split(os.path.abspath(os.fsencode(target)))
    directory = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _write(trees, entry, directory, name, progress)
    finally:
        os.close(directory)


def _write(trees: Trees, entry: Entry, parent: int, name: bytes, progress: Callable[[int], None]) -> None:
    if entry.is_dir:
        _write_directory(trees, entry, parent, name, progress)
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)
    if entry.is_symlink:
        os.symlink(entry.target or b"", name, dir_fd=parent)
    else:
        _write_file(trees, entry, parent, name, progress)
    os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)


def _write_file(
    trees: Trees, entry: Entry, parent: int, name: bytes, progress: Callable[[int], None]
) -> None:
    out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
    with os.fdopen(out, "wb", buffering=0) as stream:
        for offset in range(0, entry.size, BLOCK):
            block = memoryview(trees.fetch(trees.extents(entry, offset, BLOCK)))
            progress(len(block))
            while block:
                block = block[stream.write(block) :]
        os.fchmod(stream.fileno(), _safe(entry.mode))


def _write_directory(
    trees: Trees, entry: Entry, parent: int, name: bytes, progress: Callable[[int], None]
) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        for below in trees.iter_directory(entry):
            _write(trees, below, directory, below.name, progress)
        os.fchmod(directory, _safe(entry.mode))
        os.utime(directory, ns=(entry.mtime_ns, entry.mtime_ns))
    finally:
        os.close(directory)


def _safe(mode: int) -> int:
    """The permission bits without setuid and setgid: data from elsewhere gains no rights here."""
    return stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID)
