"""A directory while it is being listed: offsets that stay valid, memory that stays small.

Names are read a block at a time from contents that do not change, and offset N is the N-th name. The last name of
each block is kept, so that `seekdir` to any earlier offset costs one search and one block: a directory of
1,000,000 names holds two blocks and 1,000 names.

Whoever lists goes on, so the next block is made ready while the kernel takes in the last answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pfsfuse.vfs.nodes import Contents, Node

BLOCK = 1024
"""Names: more than the kernel takes at a time (128 KiB of answer are about 770), so one block ahead is enough."""


class Listing:
    """Numbered names of `contents`, from 0."""

    def __init__(self, contents: Contents, *, block: int = BLOCK) -> None:
        self.contents = contents
        self._size = block
        self._marks: list[bytes | None] = [None]
        self._at = -1
        self._block: list[tuple[bytes, Node]] = []
        self._next: list[tuple[bytes, Node]] | None = None
        """The block after it, once it is ready."""

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

    def make_ready(self) -> None:
        """Read the block after the last one that was asked for, if there is one."""
        if self._next is None and len(self._block) == self._size:
            self._next = self._read(self._marks[self._at + 1])

    def _load(self, number: int) -> list[tuple[bytes, Node]]:
        while number >= len(self._marks):
            if len(self._load(len(self._marks) - 1)) < self._size:
                return []
        if number != self._at:
            ready, self._next = self._next if number == self._at + 1 else None, None
            self._at = number
            self._block = self._read(self._marks[number]) if ready is None else ready
            if len(self._block) == self._size and number + 1 == len(self._marks):
                self._marks.append(self._block[-1][0])
        return self._block

    def _read(self, after: bytes | None) -> list[tuple[bytes, Node]]:
        return list(islice(self.contents.iter_after(after), self._size))
