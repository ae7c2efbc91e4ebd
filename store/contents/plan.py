"""From an offset and a size to the extents that hold those bytes: O(log n) in the length of the file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from store.contents.lists import Load
from store.errors import Corrupt
from store.ids import ObjectId
from store.records import Entry, Extent


def plan_read(load: Load, entry: Entry, offset: int, size: int) -> tuple[Extent, ...]:
    """The extents of `size` bytes from `offset` on, in order, clipped at the end of the file.

    Raises Corrupt when the lists of the file do not add up.
    """
    end = min(offset + size, entry.size)
    if offset >= end or entry.content is None:
        return ()
    return tuple(_plan(load, ObjectId(entry.content), entry.height, entry.size, offset, end))


def _plan(load: Load, name: ObjectId, height: int, size: int, start: int, end: int) -> Iterator[Extent]:
    """The extents of bytes `start` to `end` of what lies below `name`, which holds `size` bytes."""
    if height == 0:
        yield Extent(name, start, end - start)
        return
    found = load(name)
    if found.level != height or found.ends[-1] != size:
        raise Corrupt(
            f"chunk list {name}",
            f"{size} bytes at level {height} expected, {found.ends[-1]} at {found.level} found",
        )
    index = bisect_right(found.ends, start)
    while start < end:
        piece, begins = found.items[index], found.ends[index] - found.items[index].size
        stop = min(end, found.ends[index])
        if height == 1:
            yield Extent(ObjectId(piece.id), start - begins, stop - start)
        else:
            yield from _plan(load, ObjectId(piece.id), height - 1, piece.size, start - begins, stop - begins)
        start, index = stop, index + 1
