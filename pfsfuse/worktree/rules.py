"""What POSIX refuses to do to names, as the error numbers that a file system on disk would give."""

from __future__ import annotations

import errno
import os
import stat
from typing import NoReturn

from pfsfuse.worktree.model import Folder, Found, Item, Model
from store import Entry, names


def refuse(number: int) -> NoReturn:
    """Raise the OSError with this number."""
    raise OSError(number, os.strerror(number))


def check_new(model: Model, folder: Folder, name: bytes) -> None:
    """Whether there may be such a name. ENAMETOOLONG; ENOENT in a directory that was removed."""
    if len(name) > names.MAX_NAME:
        refuse(errno.ENAMETOOLONG)
    if folder.folder is None and folder is not model.root:
        refuse(errno.ENOENT)


def check_removable(model: Model, found: Found, *, directory: bool) -> None:
    """Whether `found` may be removed as a directory, or as anything else. ENOTDIR, EISDIR, ENOTEMPTY."""
    if not is_directory(found):
        if directory:
            refuse(errno.ENOTDIR)
        return
    if not directory:
        refuse(errno.EISDIR)
    empty = model.is_empty(found) if isinstance(found, Folder) else _is_empty(found)
    if not empty:
        refuse(errno.ENOTEMPTY)


def check_not_below(item: Item, folder: Folder | None) -> None:
    """Whether `item` may move into `folder`. EINVAL when that is below it."""
    while folder is not None:
        if folder is item:
            refuse(errno.EINVAL)
        folder = folder.folder


def is_directory(found: Found) -> bool:
    return stat.S_ISDIR(found.mode)


def _is_empty(found: Found) -> bool:
    return isinstance(found, Entry) and found.content is None
