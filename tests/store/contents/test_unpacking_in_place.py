"""A segment of which all is asked for, in order, is unpacked where it is wanted; any other is not."""

from __future__ import annotations

import random

import pytest

from store.engine import inplace
from store.format.segment import Place
from store.ids import ObjectId
from store.records import Extent

CHUNK = ObjectId(bytes(32))


def planned(*parts: tuple[int, int, int, int, int]) -> dict[int, tuple[int, int]]:
    """What is planned for parts of chunks: (segment, offset, length of the chunk; first byte, size of the part)."""
    extents = [Extent(CHUNK, start, size) for _, _, _, start, size in parts]
    return inplace.plan(extents, [Place(*part[:3]) for part in parts])


def test_a_segment_that_is_asked_for_chunk_after_chunk_has_a_place():
    assert planned((7, 0, 10, 0, 10), (7, 10, 5, 0, 5), (8, 0, 3, 0, 3)) == {7: (0, 15), 8: (15, 18)}


@pytest.mark.parametrize(
    "parts",
    [
        ((7, 0, 10, 2, 8), (7, 10, 5, 0, 5)),  # from within a chunk
        ((7, 0, 10, 0, 10), (7, 10, 5, 0, 4)),  # up to within a chunk
        ((7, 10, 5, 0, 5),),  # its end alone
        ((7, 10, 5, 0, 5), (7, 0, 10, 0, 10)),  # in another order
        ((7, 0, 10, 0, 10), (8, 0, 3, 0, 3), (7, 10, 5, 0, 5)),  # with something between
        ((7, 0, 10, 0, 10), (7, 0, 10, 0, 10)),  # twice
        ((7, 0, 10, 0, 10), (7, 20, 10, 0, 10)),  # with a gap
        ((7, 0, 10, 0, 10), (7, 5, 10, 0, 10)),  # with an overlap
    ],
)
def test_a_segment_that_is_asked_for_in_another_way_has_none(parts):
    assert 7 not in planned(*parts)


@pytest.mark.parametrize("repeats", [1, 3])
def test_what_is_unpacked_in_place_is_what_was_written(data, trips, repeats):
    rng = random.Random(1)
    noise = rng.randbytes(200_000)
    plain = b"".join(b"%d,%d\n" % (number, rng.randrange(1000)) for number in range(100_000)) + noise
    with trips.edit() as edit:
        edit.write("f", plain * repeats)
    entry = edit.result.entry("f")
    for _ in range(60):
        offset = rng.choice((0, rng.randrange(len(plain))))
        size = rng.choice((50_000, 400_000, 3_000_000))
        found = data.fetch(data.extents(entry, offset, size))
        assert found == (plain * repeats)[offset : offset + size]
