"""A file that differs from an older one in some places: only what lies around those is read and cut anew.

Where a chunk ends depends on the bytes since the end of the one before and on nothing else. So every chunk in front of
the first changed byte stays, and cutting begins at the start of the chunk that holds it:

    old      |  a  |   b   |  c  |    d    |  e  |
    changed                 ^^
    new      |  a  |   b   |  c1 | c2 |  d |  e  |      cut from the start of c until an old chunk begins where a new
                            ──────────────► |            one does; from there on the old chunks are the new ones

The result is the content that writing the new bytes from start to end would give (property-tested): the same ids. Whole
lists of chunks that nothing touches are kept by their ids, so the cost is that of the changes and of reading the lists
above: 625 ids for a file of 10 GiB.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from store.contents.lists import ListWriter, Load
from store.format.chunklist import Piece
from store.ids import ObjectId
from store.records import Entry

Range = tuple[int, int]
"""First byte, and the one after the last."""
Cut = Callable[[int], Iterator[tuple[bytes, int]]]
"""Gives the chunks of the new content from an offset on, each with how often it comes there."""
Put = Callable[[Iterable[tuple[bytes, int]]], Iterator[tuple[ObjectId, int, int]]]
"""Stores such chunks; gives their ids and sizes in order, and how often they come."""


def splice(
    lists: ListWriter, load: Load, old: Entry, changed: Sequence[Range], size: int, cut: Cut, put: Put
) -> None:
    """Push the chunks of a file of `size` bytes that is `old` but for the ranges in `changed`, and for its end.

    Bytes beyond the end of `old` count as changed without being named. Raises what `load`, `cut` and `put` raise.
    """
    _Splice(lists, load, old, changed, size, cut, put).run()


class _Splice:
    def __init__(
        self,
        lists: ListWriter,
        load: Load,
        old: Entry,
        changed: Sequence[Range],
        size: int,
        cut: Cut,
        put: Put,
    ) -> None:
        self._lists, self._load, self._old, self._size, self._cut, self._put = (
            lists,
            load,
            old,
            size,
            cut,
            put,
        )
        self._changed = _joined([*changed, (min(old.size, size), max(old.size, size))], size)
        self._at = 0
        """Bytes of the new content that are pushed."""

    def run(self) -> None:
        for start, piece in self._old_lists():
            if self._at >= self._size:
                return
            end = start + piece.size
            if end <= self._at:
                continue
            if self._old.height and self._may_stay(start, end):
                self._lists.push_list(piece)
                self._at = end
                continue
            for first, chunk in self._chunks(start, piece):
                if first == self._at:
                    self._take(first, chunk)
        if self._at < self._size:
            self._cut_anew()

    def _old_lists(self) -> Iterator[tuple[int, Piece]]:
        """The lists of chunks of the old file in order, each with its offset; a file of one chunk is its own list."""
        if self._old.content is not None:
            top = Piece(self._old.content, self._old.size)
            yield from self._below(0, top, max(self._old.height - 1, 0))

    def _below(self, start: int, piece: Piece, levels: int) -> Iterator[tuple[int, Piece]]:
        if levels == 0:
            yield start, piece
            return
        for item in self._load(ObjectId(piece.id)).items:
            yield from self._below(start, item, levels - 1)
            start += item.size

    def _chunks(self, start: int, piece: Piece) -> Iterator[tuple[int, Piece]]:
        yield from self._below(start, piece, min(self._old.height, 1))

    def _may_stay(self, start: int, end: int) -> bool:
        """Whether the old list of these bytes is a list of the new file: the last one of a file ends with the file."""
        last = end == self._old.size
        aligned = start == self._at and self._lists.aligned
        return aligned and self._stays(start, end) and (not last or end == self._size)

    def _take(self, start: int, chunk: Piece) -> None:
        if self._stays(start, start + chunk.size):
            self._lists.push(ObjectId(chunk.id), chunk.size)
            self._at += chunk.size
        else:
            self._cut_anew()

    def _cut_anew(self) -> None:
        """Cut from here until the old chunks fit again, or to the end."""
        for name, size, times in self._put(self._until_it_fits(self._at)):
            self._lists.push(name, size, times)
            self._at += size * times

    def _until_it_fits(self, at: int) -> Iterator[tuple[bytes, int]]:
        for chunk, times in self._cut(at):
            yield chunk, times
            at += len(chunk) * times
            if at < self._size and self._fits(at):
                return

    def _fits(self, at: int) -> bool:
        """Whether an old chunk begins at `at` and is a chunk of the new file."""
        if at >= self._old.size:
            return False
        start, end = self._old_chunk(at)
        return start == at and self._stays(start, end)

    def _old_chunk(self, at: int) -> Range:
        """Where the old chunk that holds byte `at` begins and ends."""
        name, start, size = self._old.content or b"", 0, self._old.size
        for _ in range(self._old.height):
            found = self._load(ObjectId(name))
            index = bisect_right(found.ends, at - start)
            name, size = found.items[index].id, found.items[index].size
            start += found.ends[index] - size
        return start, start + size

    def _stays(self, start: int, end: int) -> bool:
        """Whether the chunks of these old bytes are chunks of the new file."""
        if end > self._size or (end == self._old.size < self._size):
            return False
        index = bisect_right(self._changed, (start, self._size + 1)) - 1
        before = index >= 0 and self._changed[index][1] > start
        after = index + 1 < len(self._changed) and self._changed[index + 1][0] < end
        return not before and not after


def _joined(ranges: Iterable[Range], size: int) -> list[Range]:
    """The ranges in order, clipped to `size`, none empty, none touching."""
    joined: list[Range] = []
    for start, end in sorted(ranges):
        end = min(end, size)
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
