"""A note on each object of a store, for walks that meet millions: 33 bytes an object, and nothing else grows.

The ids lie side by side in one string, in order, and each has a byte of bits. A walk that meets a reference asks for
the id's rank by a search among those that begin with the same two bytes: about a microsecond, and a quarter of the
memory of a set of ids.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from store.engine.txn import OBJECTS, Reading
from store.ids import ObjectId

SIZE = 32


class Marks:
    """A byte for each object that the store had when this was made, 0 at first."""

    def __init__(self, reading: Reading) -> None:
        ids = bytearray()
        for key, _ in reading.iter_raw(OBJECTS):
            if len(key) == SIZE:
                ids += key
        self._ids = ids
        self._bits = bytearray(len(self._ids) // SIZE)
        counts = Counter(self._ids[at] << 8 | self._ids[at + 1] for at in range(0, len(self._ids), SIZE))
        self._starts = array("Q", accumulate((counts[begin] for begin in range(1 << 16)), initial=0))

    def __len__(self) -> int:
        return len(self._bits)

    def rank(self, name: bytes) -> int | None:
        """The object's place in the order of ids; None when the store did not have it."""
        if len(name) != SIZE:
            return None
        begin = name[0] << 8 | name[1]
        at, end = SIZE * self._starts[begin], SIZE * self._starts[begin + 1]
        while (at := self._ids.find(name, at, end)) >= 0:
            if at % SIZE == 0:
                return at // SIZE
            at += 1  # it lies across two others, by chance or malice
        return None

    def get(self, name: bytes) -> int:
        """The object's bits; 0 when the store did not have it."""
        rank = self.rank(name)
        return 0 if rank is None else self._bits[rank]

    def add(self, name: bytes, bits: int) -> bool | None:
        """Set `bits`; whether one of them is new. None when the store did not have the object."""
        rank = self.rank(name)
        if rank is None:
            return None
        before = self._bits[rank]
        self._bits[rank] = before | bits
        return before | bits != before

    def count(self, bits: int) -> int:
        """How many objects have one of `bits`."""
        return len(self._bits) - sum(self._bits.count(value) for value in range(256) if not value & bits)

    def iter_with(self, bits: int) -> Iterator[ObjectId]:
        """The objects that have one of `bits`, in order."""
        for rank, value in enumerate(self._bits):
            if value & bits:
                yield ObjectId(self._ids[SIZE * rank : SIZE * rank + SIZE])

    def clear(self) -> None:
        """Set all bits to 0."""
        self._bits = bytearray(len(self._bits))

    def iter_without(self, bits: int) -> Iterator[ObjectId]:
        """The objects that have none of `bits`, in order."""
        for rank, value in enumerate(self._bits):
            if not value & bits:
                yield ObjectId(self._ids[SIZE * rank : SIZE * rank + SIZE])
