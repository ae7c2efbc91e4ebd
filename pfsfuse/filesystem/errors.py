"""The store's errors as those that programs catch.

Python makes the class of the number: ENOENT becomes FileNotFoundError, EACCES and EPERM PermissionError.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import store
from pfsfuse.errors import PfsError
from pfsfuse.filesystem.address import PROTOCOL

NUMBERS: dict[type[Exception], int] = {
    store.StoreError: errno.EIO,
    store.NotFound: errno.ENOENT,
    store.Exists: errno.EEXIST,
    store.Conflict: errno.EBUSY,
    store.Refused: errno.EINVAL,
    store.NotADirectory: errno.ENOTDIR,
    store.IsADirectory: errno.EISDIR,
    store.InUse: errno.EBUSY,
    store.NewerFormat: errno.EIO,
    store.NotWritable: errno.EACCES,
    store.Corrupt: errno.EIO,
    store.Full: errno.ENOSPC,
    PfsError: errno.EINVAL,
}
"""The nearest class in an error's ancestry counts."""


def os_error(number: int, why: str, path: object) -> OSError:
    """An error with `number`, which says why and about what."""
    return OSError(number, why, f"{PROTOCOL}://{path}")


@contextmanager
def translated(path: object) -> Iterator[None]:
    """Errors of ours as OSError about `path`, with the next thing to do."""
    try:
        yield
    except (store.StoreError, PfsError) as error:
        number = next(NUMBERS[base] for base in type(error).__mro__ if base in NUMBERS)
        hint = error.hint()
        raise os_error(number, f"{error}; {hint}" if hint else str(error), path) from error
