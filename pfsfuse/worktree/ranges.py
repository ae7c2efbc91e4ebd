"""Ranges of bytes: which parts of a file are one thing, the rest being another."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""First byte, and the one after the last."""


class Ranges:
    """A set of bytes, kept as ranges in order, none empty, none touching."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    def __iter__(self) -> Iterator[Range]:
        return zip(self._starts, self._ends, strict=True)

    def add(self, start: int, end: int) -> None:
        """Make the bytes from `start` to `end` part of the set."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def cut(self, size: int) -> None:
        """Leave out what lies at or after `size`."""
        keep = bisect_left(self._starts, size)
        del self._starts[keep:], self._ends[keep:]
        if self._ends and self._ends[-1] > size:
            self._ends[-1] = size

    def split(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """The bytes from `start` to `end` in order, in pieces that are in the set (True) or are not."""
        index = bisect_right(self._ends, start)
        while start < end:
            if index == len(self._starts) or self._starts[index] >= end:
                yield start, end, False
                return
            if self._starts[index] > start:
                yield start, self._starts[index], False
                start = self._starts[index]
            stop = min(self._ends[index], end)
            yield start, stop, True
            start, index = stop, index + 1
