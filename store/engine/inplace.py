"""Which segments can be unpacked straight to where their bytes are asked for.

A reader in order asks for all of nearly every segment, chunk after chunk. Unpacked where they are wanted, they need no
memory of their own, which the kernel would have to clear for each MiB, and no copy.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.format.segment import Place
from store.records import Extent


def plan(extents: Sequence[Extent], places: Sequence[Place]) -> dict[int, tuple[int, int]]:
    """Segments with where in the joined bytes of `extents`, whose chunks lie at `places`, they begin and end: those
    that fill such a stretch by themselves with no byte left out, if they are as long as that.
    """
    starts: dict[int, int] = {}
    sizes: dict[int, int] = {}
    ends: dict[int, int] = {}
    broken: set[int] = set()
    at = 0
    for (_, start, size), (number, offset, length) in zip(extents, places, strict=True):
        if starts.setdefault(number, at - offset) != at - offset or start or size != length:
            broken.add(number)
        sizes[number] = sizes.get(number, 0) + size
        ends[number] = max(ends.get(number, 0), offset + length)
        at += size
    return {
        number: (start, start + sizes[number])
        for number, start in starts.items()
        if number not in broken and sizes[number] == ends[number]
    }
