"""Removing directories that commands have written to: of any depth, and with any modes."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path


def remove_empty(path: Path) -> bool:
    """Remove a directory in which there are but empty directories, as a command that wrote nothing leaves its room;
    whether it is gone. A fifth of what `remove_tree` costs, and too little for a thread."""
    try:
        for name in os.listdir(path):
            os.rmdir(path / name)
        os.rmdir(path)
    except OSError:
        return False
    return True


def remove_tree(path: Path) -> None:
    """Remove a directory whatever the modes in it, however deep; what is not there, or cannot be removed, is left."""
    with contextlib.suppress(RecursionError):  # which is how rmtree goes down
        shutil.rmtree(path, ignore_errors=True)
    if not path.is_symlink():
        with contextlib.suppress(OSError):
            _remove_flat(path)


def _remove_flat(top: Path) -> None:
    """Remove `top` without going down: whatever is in one of its directories is first moved up into `top`.

    No path grows, so none gets longer than the kernel takes. Raises OSError, also when `top` is not there.
    """
    _open(top)
    while names := os.listdir(top):
        for path in (top / name for name in names):
            if path.is_symlink() or not path.is_dir():
                path.unlink()
                continue
            _open(path)
            for below in list(path.iterdir()):
                if below.is_dir() and not below.is_symlink():
                    _open(below)  # a directory that moves is written to, for its `..`
                    below.rename(tempfile.mkdtemp(dir=top))  # a new name, whatever names there are
                else:
                    below.unlink()
            path.rmdir()
    top.rmdir()


def _open(directory: Path) -> None:
    """Without root, a directory that may not be searched or written keeps what is in it."""
    directory.chmod(stat.S_IRWXU)
