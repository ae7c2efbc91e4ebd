"""A directory while it is being listed: offsets that stay valid, memory that stays small.

Names are read a block at a time from contents that do not change, and offset N is the N-th name. The last name of
each block is kept, so that `seekdir` to any earlier offset costs one search and one block: a directory of
1,000,000 names holds one block and 2,000 names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pfsfuse.vfs.nodes import Contents, Node

BLOCK = 512


class Listing:
    """Numbered names of `contents`, from 0."""

    def __init__(self, contents: Contents, *, block: int = BLOCK) -> None:
        self.contents = contents
        self._size = block
        self._marks: list[bytes | None] = [None]
        self._at = -1
        self._block: list[tuple[bytes, Node]] = []

    def start(self, offset: int) -> Iterator[tuple[int, bytes, Node]]:
        """Names from number `offset` on, each with its number. An offset past the end lists nothing."""
        while True:
            number, skip = divmod(offset, self._size)
            block = self._load(number)
            for name, node in block[skip:]:
                yield offset, name, node
                offset += 1
            if len(block) < self._size:
                return

    def _load(self, number: int) -> list[tuple[bytes, Node]]:
        while number >= len(self._marks):
            if len(self._load(len(self._marks) - 1)) < self._size:
                return []
        if number != self._at:
            self._at = number
            self._block = list(islice(self.contents.iter_after(self._marks[number]), self._size))
            if len(self._block) == self._size and number + 1 == len(self._marks):
                self._marks.append(self._block[-1][0])
        return self._block
