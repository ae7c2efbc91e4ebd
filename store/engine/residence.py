"""Keeping a process small although it reads a large map.

LMDB reads through a map of the data file, and every page that was touched counts as resident in this process until the
kernel needs memory: reading a 2 GiB file left 1.8 GiB of resident pages behind. They are the page cache's own pages, so
letting go of the mapping costs nothing but a soft fault at the next touch; it only takes telling the kernel.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

LIMIT = 64 << 20
"""Bytes of the map, resident, from which it is let go."""
EVERY = 64
"""Segments between two checks: about 5 MiB of data, and up to 2 MiB for each page of an index that is touched,
since the kernel maps whole folios."""
_MADV_DONTNEED = 4
PAGE = os.sysconf("SC_PAGE_SIZE")
_madvise = ctypes.CDLL(None, use_errno=True).madvise
_madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class Residence:
    """Counts what is read through the map of `data`, and lets the map go when it has grown."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._looks = 0
        self._floor = 0
        """File-backed bytes that stay when the map is let go: programs and libraries, 50 MiB in a mount's daemon.
        Counted as the map's, they had it let go of every 5 MiB, a sixth of the time of a long read."""

    def touched(self, segments: int = 1) -> None:
        """To be called for segments read or written. Races between threads only shift the next check."""
        before = self._looks // EVERY
        self._looks += segments
        if self._looks // EVERY != before:
            self.let_go_if_large()

    def let_go_if_large(self) -> None:
        """Let the map go if more than LIMIT of it is resident. Not while this process may open no more files: what
        was read is right all the same.
        """
        with suppress(OSError):
            if _file_backed() > self._floor + LIMIT:
                self._let_go()
                self._floor = _file_backed()

    def _let_go(self) -> None:
        for start, end in ranges_of(self._data):
            # The map is shared and read-only: pages dropped here come back, unchanged, when touched.
            advise(start, end, _MADV_DONTNEED)


def ranges_of(data: Path) -> list[tuple[int, int]]:
    """Where this process has the file `data` mapped: first address, and the one after the last."""
    with open("/proc/self/maps", "rb") as maps:
        found = [line.split(b" ", 1)[0] for line in maps if line.rstrip().endswith(os.fsencode(data))]
    return [(int(start, 16), int(end, 16)) for start, _, end in (line.partition(b"-") for line in found)]


def advise(start: int, end: int, advice: int) -> None:
    """Tell the kernel about the pages from address `start` to `end`; it may refuse, and nothing is lost."""
    _madvise(start, end - start, advice)


def _file_backed() -> int:
    """Bytes of resident memory that belong to files."""
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[2]) * PAGE
