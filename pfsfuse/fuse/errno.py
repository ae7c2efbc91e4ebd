"""The one table from errors to the numbers that programs see.

`OSError` keeps its own number. Anything in neither the table nor the system's errors is a bug or damage: it is
logged with the request, and the program gets EIO.
"""

from __future__ import annotations

import errno

import store
from pfsfuse.errors import WorktreeError

TABLE: dict[type[Exception], int] = {
    store.NotFound: errno.ENOENT,
    store.NotAStore: errno.EIO,
    store.Exists: errno.EEXIST,
    store.Conflict: errno.EBUSY,
    store.Refused: errno.EINVAL,
    store.NotADirectory: errno.ENOTDIR,
    store.IsADirectory: errno.EISDIR,
    store.InUse: errno.EBUSY,
    store.NotWritable: errno.EROFS,
    store.NewerFormat: errno.EIO,
    store.Corrupt: errno.EIO,
    store.Full: errno.ENOSPC,
    WorktreeError: errno.EBUSY,
}
"""The nearest class in an error's ancestry counts."""

LOGGED = {errno.EIO}
"""Numbers that say nothing to the program, so that the log must."""


def errno_of(error: Exception) -> int:
    """The number for any exception; EIO for what nobody foresaw."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    for base in type(error).__mro__:
        if base in TABLE:
            return TABLE[base]
    return errno.EIO
