"""What LMDB and the system say went wrong, as what a person can do about it."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from store.errors import Corrupt, Full, InUse, NotAStore, NotWritable, Refused, StoreError

MAX_READERS = 1024
"""Transactions that read at the same time, of all processes."""
NO_ROOM = 1 << 20
"""Bytes free on a disk that counts as full."""


@contextmanager
def as_ours(path: Path) -> Iterator[None]:
    """LMDB's errors as ours. MapFullError passes: `write` grows the map and tries again."""
    try:
        yield
    except lmdb.MapFullError:
        raise
    except (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.PanicError, lmdb.BadTxnError) as error:
        raise Corrupt("database", str(error)) from error
    except lmdb.ReadersFullError:
        raise InUse(
            f"{path} is being read by more than {MAX_READERS} transactions at once",
            hint="end some of the programs that read it, and repeat the command",
        ) from None
    except (lmdb.InvalidError, lmdb.VersionMismatchError) as error:
        raise NotAStore(path, "data.mdb is not a database of ours") from error
    except (lmdb.Error, OSError) as error:
        raise _system_error(path, error) from error


def _system_error(path: Path, error: Exception) -> StoreError:
    """What a failed system call under LMDB means to a person."""
    text = str(error)
    if "already open in this process" in text:
        return InUse(f"{path} is already open in this process; one Store serves all its threads")
    if "closed/deleted/dropped" in text:
        return Refused(f"the store {path} was closed by this program; `store.open` opens it again")

    def says(*codes: int) -> bool:
        return any(os.strerror(code) in text for code in codes)

    if says(errno.ENOSPC, errno.EDQUOT) or (says(errno.EIO) and _is_full(path)):
        return Full(path)
    if says(errno.EFBIG) or (says(errno.EIO) and _is_limited()):
        return NotWritable(path, "its file would become larger than `ulimit -f` allows")
    if says(errno.ENOMEM):
        return NotWritable(path, "there is no room for its map in the memory that `ulimit -v` allows")
    if says(errno.EACCES, errno.EROFS, errno.EPERM, errno.EIO):
        return NotWritable(path, text.rpartition(": ")[2].lower())
    if says(errno.ENOENT, errno.ENOTDIR):
        return NotAStore(path, "there is no data.mdb in it")
    return Corrupt("database", text)


def _is_full(path: Path) -> bool:
    """Whether the disk has next to no room: LMDB says EIO when a write was cut short, which is what a disk that
    is filling up does to the last one.
    """
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize < NO_ROOM


def _is_limited() -> bool:
    """Whether files may not be of any size (`ulimit -f`). A write up to the limit is cut short, to LMDB that is EIO."""
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
