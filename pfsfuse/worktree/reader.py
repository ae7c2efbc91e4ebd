"""A changed file as a seekable stream, for committing it."""

from __future__ import annotations

import io
import os

from pfsfuse.worktree.scratch import Scratch
from store import SparseReader


class ScratchReader(SparseReader):
    """Reads the file as it is at that moment, and tells where it has holes. Closing it leaves the scratch file open."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch, self._at = scratch, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence in (os.SEEK_DATA, os.SEEK_HOLE):
            self._at = self._scratch.seek(offset, whence)
        else:
            start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._scratch.size}[whence]
            self._at = start + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        found = self._scratch.read(self._at, len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
