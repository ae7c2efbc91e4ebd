"""Where a file has nothing but zeros, seen from its lists: what is there need not be read.

A long run of zeros is cut into chunks of the largest size, and so always into the same one. A list that holds nothing
else is looked at once, however often it comes: 1 TiB of zeros in chunks of 128 KiB is 4,096 times one list.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from store.contents.lists import Load
from store.contents.splice import Range
from store.format.tables import COARSE, FINE
from store.ids import ObjectId
from store.records import Entry


def iter_data(load: Load, file: Entry) -> Iterator[Range]:
    """The ranges of bytes of `file` but for its chunks of zeros, in order, none touching another.

    Raises what `load` raises: Corrupt.
    """
    if file.content is None:
        return
    begun: Range | None = None
    for start, end in _Looking(load).pieces(file.content, file.height, 0, file.size):
        if begun is not None and begun[1] == start:
            begun = begun[0], end
        else:
            if begun is not None:
                yield begun
            begun = start, end
    if begun is not None:
        yield begun


@cache
def _zero_chunks() -> frozenset[bytes]:
    """The chunk that zeros are cut into, for each way of cutting that there is."""
    return frozenset(ObjectId.of(bytes(maximum)) for *_, maximum in (COARSE, FINE))


class _Looking:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._zeros = set(_zero_chunks())
        """Chunks and lists that are nothing but zeros, as far as they were looked at."""

    def pieces(self, name: bytes, height: int, start: int, end: int) -> Iterator[Range]:
        """The chunks that are not zeros of what `name` leads to, which holds the bytes from `start` to `end`."""
        if name in self._zeros:
            return
        if height == 0:
            yield start, end
            return
        zeros, at = True, start
        for piece in self._load(ObjectId(name)).items:
            for each in self.pieces(piece.id, height - 1, at, at + piece.size):
                zeros = False
                yield each
            at += piece.size
        if zeros:
            self._zeros.add(name)
