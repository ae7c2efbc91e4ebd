"""How the map is read, from front to back or at random, and telling the kernel.

A page of the map that is not in memory is read with what the block device reads ahead, up to 8 MiB. That is what
whoever reads in order needs, and what makes a read of 4 KiB somewhere cost 2 MiB of disk. So while the reads of this
process jump, the kernel is told to read no page but the one that is touched (MADV_RANDOM), and a segment is asked for
as a whole before it is unpacked. A reader in order brings the readahead back at once. Advice changes no byte: what goes
wrong here costs time and nothing else. Races between threads only shift the moment of a change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from store import locks
from store.engine.ahead import Finder
from store.engine.residence import advise, ranges_of
from store.engine.txn import SEGMENTS
from store.errors import Corrupt
from store.ids import ObjectId
from store.records import Extent

JUMPS = 4
"""Jumps in a row that make a reader at random: a program that opens a file of records jumps twice or thrice."""
SMALL = 128 << 10
"""Bytes from which a read is in order by itself: the disk is busier with it than with the way there."""
LARGE = 128 << 20
"""Bytes of a store from which it matters: the readahead has a smaller one in memory after a few reads."""
_NORMAL, _RANDOM = 0, 1


class Pattern:
    """Tells from one read after another whether they are at random."""

    def __init__(self) -> None:
        self._jumps = 0
        self._next: tuple[ObjectId, int] | None = None
        """The chunk that the last small read ended in, and where."""

    def is_random(self, extents: Sequence[Extent]) -> bool:
        """Whether a read of `extents` is one of several in a row that jump. A large one ends the row, whoever's it is:
        both read the same map, and whoever reads much loses more.
        """
        first, last = extents[0], extents[-1]
        if first.size >= SMALL or (len(extents) > 1 and sum(extent.size for extent in extents) >= SMALL):
            self._jumps = 0
            return False
        jumps = first.start > 0 and (first.chunk, first.start) != self._next
        self._next = last.chunk, last.start + last.size
        # The beginning of a chunk is where the one before it ends, and where every small file lies: it tells nothing.
        if first.start:
            self._jumps = self._jumps + 1 if jumps else 0
        return self._jumps >= JUMPS


class Access:
    """Keeps the kernel's advice on the map of `data`. Safe to use from threads."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._lock = locks.lock()
        self._pattern = Pattern()
        self._finder: Finder | None = None
        self.is_random = False
        """Whether the kernel reads single pages now."""

    def note(self, extents: Sequence[Extent]) -> None:
        """To be called before `extents` are looked for."""
        if extents and self._pattern.is_random(extents) != self.is_random:
            if self.is_random:
                self.in_order()
            elif self._is_large():
                self._advise(random=True)

    def in_order(self) -> None:
        """To be called before much is read that is not asked for by extents."""
        if self.is_random:
            self._advise(random=False)

    def ask_for(self, state: int, segments: Iterable[int]) -> None:
        """To be called in a transaction (of number `state`), before it gets the segments of these numbers."""
        if self.is_random and (finder := self._found()) is not None:
            for number in segments:
                finder.ask_for(state, number.to_bytes(8, "big"))

    def close(self) -> None:
        """To be called when the map is gone, or there is a new one, of which the kernel has been told nothing; nobody
        is in a transaction.
        """
        with self._lock:
            self.is_random = False
            if self._finder is not None:
                self._finder.close()
                self._finder = None

    def _is_large(self) -> bool:
        try:
            return os.stat(self._data).st_size >= LARGE
        except OSError:
            return False  # the store was removed; what is mapped can still be read

    def _found(self) -> Finder | None:
        """The finder; None when it cannot be had, as when this process may open no more files."""
        with self._lock:
            if self._finder is None:
                with suppress(OSError, Corrupt):
                    self._finder = Finder(self._data, SEGMENTS)
            return self._finder

    def _advise(self, *, random: bool) -> None:
        with suppress(OSError):
            for start, end in ranges_of(self._data):
                advise(start, end, _RANDOM if random else _NORMAL)
            self.is_random = random
