"""Small objects share a segment of their kind, which is compressed in the way that suits them."""

from __future__ import annotations

import random

import pytest

import store
from store.engine.txn import OBJECTS, SEGMENTS
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


@pytest.mark.parametrize("share", [2, 4, 8, 16])
def test_files_of_two_kinds_in_turn_take_little_more_than_the_better_way_would(share):
    objects = [(bytes(32), (words if number % share else numbers)(number)) for number in range(64)]
    better = min(len(segment.encode(objects, level)) for level in (segment.NUMBERS, 3))
    assert len(segment.encode_shared(objects, 3)) < 1.02 * better


def test_the_two_ways_suit_different_things():
    for make, better in ((numbers, segment.NUMBERS), (words, 3)):
        objects = [(ObjectId.of(plain), plain) for plain in map(make, range(60))]
        sizes = {level: len(segment.encode(objects, level)) for level in (segment.NUMBERS, 3)}
        assert min(sizes, key=sizes.__getitem__) == better


def committed(
    data: store.Store, trips: store.Repo, *, count: int
) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """Commit `count` small files of long names in 8 folders: the segment of each folder's node, and of each file."""
    with trips.edit() as edit:
        for number in range(count):
            edit.write(f"{number % 8}/{number:0200}", random.Random(number).randbytes(500))
    folders: dict[bytes, int] = {}
    files: dict[bytes, int] = {}
    with data._env.read() as reading:
        for path, entry in trips.commit().walk():
            value = reading.get_raw(OBJECTS, entry.content)
            (folders if entry.is_dir else files)[path] = segment.decode_place(value).segment
    return folders, files


def test_a_walk_unpacks_no_files(data, trips):
    folders, files = committed(data, trips, count=3_000)
    assert set(folders.values()).isdisjoint(files.values())


def test_files_are_written_before_the_directories_that_name_them(data, trips):
    folders, files = committed(data, trips, count=3_000)
    assert len(set(folders.values())) > 1
    assert all(number < folders[path[:1]] for path, number in files.items())


def test_a_segment_of_nodes_ends_with_the_node_that_fills_64_kib(data, trips):
    folders, _ = committed(data, trips, count=3_000)
    full = sorted(set(folders.values()))[:-1]  # in the last one is what is left, of all kinds
    assert full
    with data._env.read() as reading:
        for number in full:
            record = reading.get_raw(SEGMENTS, number.to_bytes(8, "big"))
            *before, _ = (length for _, length in segment.rows(record))
            assert sum(before) < 64 << 10


def test_a_small_commit_is_one_segment(data, trips):
    folders, files = committed(data, trips, count=100)
    assert len({*folders.values(), *files.values()}) == 1
