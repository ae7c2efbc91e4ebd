"""Chunk lists: the contents of files of more than one chunk.        store/format/chunklist.md

An object: msgpack of

    [level, items]
    level 1     items are chunks of the file in order: [id, size]
    level n     items are chunk lists of level n-1 in order: [id, size]; size = bytes of the file below

"""

from __future__ import annotations

from itertools import accumulate

import msgspec

from store.errors import Corrupt


class Piece(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A chunk, or a list of chunks, and how many bytes of the file it holds."""

    id: bytes
    size: int


class ChunkList(msgspec.Struct, frozen=True):
    """A decoded list."""

    level: int
    items: list[Piece]
    ends: list[int]
    """The offset at which each item ends, relative to the list's start: for binary search."""


_encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode  # ids are bytes to the format
_decode = msgspec.msgpack.Decoder(tuple[int, list[Piece]]).decode


def encode(level: int, items: list[Piece]) -> bytes:
    """The bytes of the list."""
    return _encode((level, items))


def decode(plain: bytes) -> ChunkList:
    """The list with these bytes. Raises only Corrupt."""
    try:
        level, items = _decode(plain)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Corrupt("chunk list", str(error)) from None
    if level < 1 or not items or any(piece.size <= 0 for piece in items):
        raise Corrupt("chunk list", "an impossible level or size")
    return ChunkList(level, items, list(accumulate(piece.size for piece in items)))
