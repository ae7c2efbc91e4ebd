"""From chunks to a chunk list, and back.

A list ends after a piece whose id says so (ids are hashes of contents, so boundaries follow the contents): inserting a
chunk into a file of 16 million rewrites one list of each level. Bounds on the count as in a directory's nodes.
"""

from __future__ import annotations

from collections.abc import Callable

from store.format import chunklist
from store.format.chunklist import ChunkList, Piece
from store.ids import ObjectId

TARGET, LIMIT = 256, 2048
"""Pieces in a list, on average and at most; a full list of 256 is about 9 KB."""

Save = Callable[[bytes], ObjectId]
Load = Callable[[ObjectId], ChunkList]


class ListWriter:
    """Takes a file's chunks in order and gives its content; holds at most LIMIT pieces of each level."""

    def __init__(self, save: Save) -> None:
        self._save = save
        self._levels: list[list[Piece]] = [[]]
        self.size = 0

    def push(self, chunk: ObjectId, size: int, times: int = 1) -> None:
        """Add the next chunk, of `size` bytes, once or as often as `times` says, at the price of one full list."""
        self.size += size * times
        if times == 1:
            self._push(0, Piece(chunk, size))
        else:
            self._push_run(0, Piece(chunk, size), times)

    @property
    def aligned(self) -> bool:
        """Whether the last chunk ended a list, so that a list that some file has may come next as it is."""
        return not self._levels[0]

    def push_list(self, piece: Piece) -> None:
        """Add the chunks of a list that is stored already; only when `aligned`, and only one that is no file's last,
        unless nothing follows.
        """
        self.size += piece.size
        self._push(1, piece)

    def finish(self) -> tuple[ObjectId | None, int]:
        """The file's content and height, as its entry carries them; (None, 0) for an empty file."""
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            self._end(level)
            level += 1
        top = self._levels[level]
        return (ObjectId(top[0].id), level) if top else (None, 0)

    def _push(self, level: int, piece: Piece) -> None:
        if level == len(self._levels):
            self._levels.append([])
        pieces = self._levels[level]
        pieces.append(piece)
        if ends_after(piece.id, len(pieces)):
            self._end(level)

    def _push_run(self, level: int, piece: Piece, times: int) -> None:
        """What so many calls of `_push` would do: equal lists come of equal pieces, and are saved once."""
        if level == len(self._levels):
            self._levels.append([])
        whole = 2 if ends_after(piece.id, 2) else LIMIT
        pieces = self._levels[level]
        if pieces:
            first = min(times, max(whole - len(pieces), 1))
            pieces += [piece] * first
            times -= first
            if ends_after(piece.id, len(pieces)):
                self._end(level)
        lists, left = divmod(times, whole)
        if lists:
            name = self._save(chunklist.encode(level + 1, [piece] * whole))
            self._push_run(level + 1, Piece(name, piece.size * whole), lists)
        if left:
            self._levels[level] = [piece] * left

    def _end(self, level: int) -> None:
        pieces = self._levels[level]
        if pieces:
            name = self._save(chunklist.encode(level + 1, pieces))
            self._levels[level] = []
            self._push(level + 1, Piece(name, sum(piece.size for piece in pieces)))


def ends_after(name: bytes, count: int) -> bool:
    """Whether a list ends after the item with the id `name`, its `count`-th."""
    # The lower of the first two bytes, as a number, says it all, TARGET being a divisor of 256.
    return count >= 2 and (name[1] % TARGET == 0 or count >= LIMIT)
