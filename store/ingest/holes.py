"""Where a file of the host has holes: what reads as zeros and takes no room. It need not be read.

Only a file that takes less room than it is long is asked for them, as cp does; a file system that knows of none says
that all is data. Writing into a hole moves the ctime as any writing does, so whoever compares rows before and after
notices.
"""

from __future__ import annotations

import os

from store.ingest.steps import Tell

UNIT = 512
"""Bytes that st_blocks counts in, whatever the file system's own blocks are."""


class FileHoles:
    """Those of an open file, seen from where its descriptor stands. `tell` is told the bytes that are skipped."""

    def __init__(self, descriptor: int, size: int, tell: Tell | None = None) -> None:
        self._descriptor, self._size, self._tell = descriptor, size, tell
        self._start = self._end = 0
        """The hole that was found last; both are the file's size when there is none any more."""

    def ahead(self, least: int) -> tuple[int, int]:
        """As `chunker.Holes` says."""
        at = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        if self._end - max(at, self._start) < least and self._start < self._size:
            self._find(max(at, self._end), least)
            os.lseek(self._descriptor, at, os.SEEK_SET)
        start = max(at, self._start)
        return start - at, max(self._end - start, 0)

    def skip(self, size: int) -> None:
        """As `chunker.Holes` says."""
        os.lseek(self._descriptor, size, os.SEEK_CUR)
        if self._tell is not None:
            self._tell(0, size)

    def _find(self, at: int, least: int) -> None:
        """The first hole of at least so many bytes from `at` on."""
        while at < self._size:
            start = self._seek(at, os.SEEK_HOLE)
            end = self._seek(start, os.SEEK_DATA)
            if end - start >= least:
                self._start, self._end = start, end
                return
            at = max(end, at + 1)
        self._start = self._end = self._size

    def _seek(self, at: int, whence: int) -> int:
        """The end of the file where there is neither; also for files that cannot be asked, such as those of /sys."""
        try:
            return min(os.lseek(self._descriptor, at, whence), self._size)
        except OSError:
            return self._size


def find_holes(descriptor: int, status: os.stat_result, tell: Tell | None = None) -> FileHoles | None:
    """The holes of an open file with this status, if it can have any."""
    if status.st_blocks * UNIT >= status.st_size:
        return None
    return FileHoles(descriptor, status.st_size, tell)
