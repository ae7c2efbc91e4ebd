"""Where a file has holes: what reads as zeros and takes no room. It need not be read.

Of files of the host only those are asked that take less room than they are long, as cp does; a file system that knows
of no holes says that all is data. Writing into a hole moves the ctime as any writing does, so whoever compares rows
before and after notices.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial

UNIT = 512
"""Bytes that st_blocks counts in, whatever the file system's own blocks are."""

Seek = Callable[[int, int], int]
"""Goes to an offset as `seek` does, also to the next data (SEEK_DATA) and the next hole (SEEK_HOLE)."""


class SparseReader(io.RawIOBase):
    """A stream whose `seek` takes SEEK_DATA and SEEK_HOLE as the system's does: `TreeEdit.splice` does not read what it
    says are holes.
    """


class FileHoles:
    """The holes of one file of `size` bytes, seen from where `seek` stands. `skipped` is told the bytes left out."""

    def __init__(self, seek: Seek, size: int, skipped: Callable[[int], object] = lambda size: None) -> None:
        self._seek, self._size, self._skipped = seek, size, skipped
        self._start = self._end = 0
        """The hole that was found last; both are the file's size when there is none any more."""

    def ahead(self, least: int) -> tuple[int, int]:
        """As `chunker.Holes` says."""
        at = self._seek(0, os.SEEK_CUR)
        if self._end - max(at, self._start) < least and self._start < self._size:
            self._find(max(at, self._end), least)
            self._seek(at, os.SEEK_SET)
        start = max(at, self._start)
        return start - at, max(self._end - start, 0)

    def skip(self, size: int) -> None:
        """As `chunker.Holes` says."""
        self._seek(size, os.SEEK_CUR)
        self._skipped(size)

    def _find(self, at: int, least: int) -> None:
        """The first hole of at least so many bytes from `at` on."""
        while at < self._size:
            start = self._next(at, os.SEEK_HOLE)
            end = self._next(start, os.SEEK_DATA)
            if end - start >= least:
                self._start, self._end = start, end
                return
            at = max(end, at + 1)
        self._start = self._end = self._size

    def _next(self, at: int, whence: int) -> int:
        """The end of the file where there is neither; also for files that cannot be asked, such as those of /sys."""
        try:
            return min(self._seek(at, whence), self._size)
        except OSError:
            return self._size


def find_holes(
    descriptor: int, status: os.stat_result, skipped: Callable[[int], object] = lambda size: None
) -> FileHoles | None:
    """The holes of an open file of the host with this status, if it can have any."""
    if status.st_blocks * UNIT >= status.st_size:
        return None
    return FileHoles(partial(os.lseek, descriptor), status.st_size, skipped)
