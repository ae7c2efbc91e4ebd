"""Identities: bytes inside, hex outside. The only module that hashes contents.

Every object (a chunk of a file, a node of a directory or of a chunk list) is named by the BLAKE3-256 of its plain
bytes, so its name never depends on how it is compressed or where it lies. A commit is named by 128 random bits,
because one id is shared by every commit that one change causes, in all repos.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Self

from blake3 import blake3

_HEX = re.compile(r"[0-9a-f]{32}\Z")
_LENGTHS = [length.to_bytes(8, "big") for length in range(257)]
"""Of names and ids, which is what nearly all that is digested consists of."""


class ObjectId(bytes):
    """32 bytes: BLAKE3-256 of an object's plain bytes. `str()` is its hex."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.hex()

    @classmethod
    def of(cls, plain: bytes | memoryview) -> Self:
        """The id of the object with these bytes (`b3sum` prints the same)."""
        return cls(blake3(plain).digest())

    def names(self, plain: bytes | memoryview) -> bool:
        """Whether this is the id of the object with these bytes."""
        return self == blake3(plain).digest()

    @classmethod
    def of_each(cls, plains: Iterable[bytes | memoryview]) -> list[Self]:
        """The ids of several, in order."""
        return [cls(blake3(plain).digest()) for plain in plains]


class CommitId(bytes):
    """16 random bytes, shared by all commits that one change causes. `str()` is its 32 hex digits."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.hex()

    def short(self) -> str:
        """The first 8 hex digits: what people are shown and may type back."""
        return self.hex()[:8]

    @classmethod
    def new(cls) -> Self:
        """A fresh id."""
        return cls(os.urandom(16))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The id written as 32 lower-case hex digits; ValueError otherwise."""
        if not _HEX.match(text):
            raise ValueError(f"{text!r} is not 32 hex digits")
        return cls(bytes.fromhex(text))


def digest(*parts: bytes) -> bytes:
    """BLAKE3-256 of `parts`, each preceded by its length, so that no two lists of parts collide by joining."""
    # Joined first: eight calls of the library for four short parts took six times as long as one.
    return blake3(framed(parts)).digest()


def digest_name(name: bytes) -> bytes:
    """`digest` of one part: every name that is put is asked for it."""
    size = len(name)
    return blake3((_LENGTHS[size] if size < len(_LENGTHS) else size.to_bytes(8, "big")) + name).digest()


def framed(parts: Sequence[bytes]) -> bytes:
    """What `digest` hashes: the `parts`, each after its length."""
    lengths = _LENGTHS
    try:
        if len(parts) == 1:
            return lengths[len(parts[0])] + parts[0]
        return b"".join([piece for part in parts for piece in (lengths[len(part)], part)])
    except IndexError:
        return b"".join([piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)])


def digest_framed(joined: bytes) -> bytes:
    """The digest of parts that `framed` has joined, and that were joined again: for who has the same first parts over
    and over.
    """
    return blake3(joined).digest()


def checksum(*parts: bytes) -> bytes:
    """The 8 bytes that guard a small record against damage and against being read under another key."""
    return digest(*parts)[:8]
