"""From what a handler found to an answer's bytes; pure."""

from __future__ import annotations

import errno
import os

from pfsfuse.fuse.kernel import wire


def opened(
    fh: int,
    *,
    direct: bool = False,
    keep_cache: bool = False,
    cache_directory: bool = False,
    no_flush: bool = False,
) -> bytes:
    """The answer to `open` and `opendir`.

    `direct`: read past the page cache. `keep_cache`: pages from earlier opens are still right (of a directory:
    names). `cache_directory`: the kernel may keep the names. `no_flush`: do not tell us about each close.
    """
    flags = wire.DIRECT_IO if direct else 0
    flags |= wire.KEEP_CACHE if keep_cache else 0
    flags |= wire.CACHE_DIR if cache_directory else 0
    flags |= wire.NOFLUSH if no_flush else 0
    return wire.OPENED.pack(fh, flags, 0)


def written(size: int) -> bytes:
    """The answer to `write` and `copy_file_range`: how many bytes were taken."""
    return wire.SIZE.pack(size, 0)


def offset(at: int) -> bytes:
    """The answer to `lseek`."""
    return wire.OFFSET_OUT.pack(at)


def sized(data: bytes, size: int) -> bytes:
    """The answer to `getxattr` and `listxattr`: the bytes, or how many there are when no `size` is offered. ERANGE."""
    if size == 0:
        return wire.SIZE.pack(len(data), 0)
    if len(data) > size:
        raise OSError(errno.ERANGE, os.strerror(errno.ERANGE))
    return data


def room(status: os.statvfs_result, name_max: int) -> bytes:
    """The answer to `statfs`."""
    return wire.STATFS.pack(
        status.f_blocks,
        status.f_bfree,
        status.f_bavail,
        status.f_files,
        status.f_ffree,
        status.f_bsize,
        name_max,
        status.f_frsize,
        0,
    )


class Page:
    """The answer to `readdir`: names with their entries, as many as fit."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._parts: list[bytes] = []

    def add(self, entry: bytes, name: bytes, ino: int, kind: int, after: int) -> bool:
        """Append a name; False when there is no room for it. `kind` is a mode; `after` where the next name begins."""
        length = len(name)
        padded = length + 7 & ~7
        self._left -= 152 + padded
        if self._left < 0:
            return False
        self._parts += (entry, wire.DIRENT.pack(ino, after, length, kind >> 12), name.ljust(padded, b"\0"))
        return True

    def answer(self) -> bytes:
        return b"".join(self._parts)
