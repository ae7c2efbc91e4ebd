"""Small objects share a segment, which is compressed in the way that suits them."""

from __future__ import annotations

import random

import pytest

from store.format import segment
from store.ids import ObjectId


def numbers(seed: int) -> bytes:
    rng = random.Random(seed)
    return str([round(rng.random(), 6) for _ in range(400)]).encode()


def words(seed: int) -> bytes:
    rng = random.Random(seed)
    known = [f"word{rng.randrange(3000)}" for _ in range(300)]
    return " ".join(rng.choices(known, k=600)).encode()


@pytest.mark.parametrize("make", [numbers, words])
def test_a_shared_segment_takes_no_more_than_either_way_would(make):
    objects = [(ObjectId.of(plain), plain) for plain in map(make, range(60))]
    record = segment.encode_shared(objects, 3)
    assert len(record) == min(len(segment.encode(objects, 3)), len(segment.encode(objects, segment.NUMBERS)))
    assert bytes(segment.decode(record)) == b"".join(plain for _, plain in objects)
    assert segment.rows(record) == [(name, len(plain)) for name, plain in objects]


def test_the_two_ways_suit_different_things():
    for make, better in ((numbers, segment.NUMBERS), (words, 3)):
        objects = [(ObjectId.of(plain), plain) for plain in map(make, range(60))]
        sizes = {level: len(segment.encode(objects, level)) for level in (segment.NUMBERS, 3)}
        assert min(sizes, key=sizes.__getitem__) == better
