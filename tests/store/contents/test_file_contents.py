"""A file's bytes: a list of chunks of any length, read anywhere, stored once."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import BinaryIO

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store import contents
from store.contents import ListWriter
from store.contents.lists import LIMIT, TARGET
from store.format import chunklist
from store.format.tables import FINE
from store.ids import ObjectId
from store.records import Entry
from store.testing.strategies import pseudo_random

_, MINIMUM, _, MAXIMUM = FINE


def put(opened: store.Store, content: bytes | BinaryIO) -> tuple[store.Entry, int]:
    """The file's entry, and the bytes that the store grew by."""
    with opened.edit_tree() as edit:
        edit.write("f", content)
        entry = opened.lookup(edit.save(), b"f")
    assert entry is not None
    return entry, edit.stored


def reader(opened: store.Store, entry: store.Entry) -> Iterator[bytes]:
    step = 1 << 20
    for offset in range(0, entry.size, step):
        yield opened.fetch(opened.extents(entry, offset, step))


@pytest.mark.parametrize(
    ("size", "height"),
    [
        (0, 0),
        (1, 0),
        (MINIMUM - 1, 0),
        (MINIMUM, 0),
        (MINIMUM + 1, 0),
        (MAXIMUM * 2, 1),
        (2_000_000, 1),
        (60_000_000, 2),
    ],
)
def test_a_file_of_any_size_comes_back_as_it_was(data, size, height):
    plain = random.Random(1).randbytes(size)
    entry, _ = put(data, plain)
    assert (entry.size, entry.height, entry.content is None) == (size, height, size == 0)
    assert b"".join(reader(data, entry)) == plain


@pytest.mark.parametrize("size", [1, 100, MINIMUM - 1, MINIMUM])
def test_a_file_of_one_chunk_is_named_by_what_b3sum_prints(data, size):
    plain = pseudo_random(2, size)
    entry, _ = put(data, plain)
    assert (entry.height, entry.content) == (0, blake3(plain).digest())


def test_any_part_of_a_file_is_what_those_bytes_are(data):
    plain = pseudo_random(3, 2_000_000)
    entry, _ = put(data, plain)
    rng = random.Random(3)
    for _ in range(300):
        offset, size = rng.randrange(2_100_000), rng.choice((0, 1, 4096, 70_000, 3_000_000))
        extents = data.extents(entry, offset, size)
        assert data.fetch(extents) == plain[offset : offset + size]
        assert sum(extent.size for extent in extents) == len(plain[offset : offset + size])
        with data.lend(extents) as pieces:
            assert b"".join(pieces) == plain[offset : offset + size]


@pytest.mark.parametrize("make", [pseudo_random, lambda seed, size: (b"%d," % seed) * (size // 2)])
def test_what_is_lent_from_front_to_back_is_the_file(data, make):
    plain = make(5, 3_000_000)
    entry, _ = put(data, plain)
    found = []
    for offset in range(0, len(plain), 300_000):
        with data.lend(data.extents(entry, offset, 300_000)) as pieces:
            found += map(bytes, pieces)
    assert b"".join(found) == plain


def test_a_file_object_reads_seeks_and_tells_as_python_files_do(data, trips, tmp_path):
    plain = pseudo_random(4, 700_000)
    (tmp_path / "host").write_bytes(plain)
    with trips.edit() as edit:
        edit.write("f", plain)
    rng = random.Random(4)
    with edit.result.open("f") as ours, open(tmp_path / "host", "rb") as host:
        for _ in range(200):
            offset, whence = rng.choice(((rng.randrange(800_000), 0), (-rng.randrange(700_000), 2)))
            assert ours.seek(offset, whence) == host.seek(offset, whence)
            size = rng.choice((-1, 0, 1, 5_000, 300_000))
            assert ours.read(size) == host.read(size)
            assert ours.tell() == host.tell()
        with pytest.raises(ValueError):
            ours.seek(-1)


def test_inserting_one_byte_adds_little(data):
    plain = random.Random(6).randbytes(20_000_000)
    _, whole = put(data, plain)
    entry, grown = put(data, plain[:9_000_000] + b"!" + plain[9_000_000:])
    assert entry.size == 20_000_001
    assert whole > 20_000_000 and 0 < grown < 1_000_000


def test_putting_the_same_bytes_again_stores_no_chunk(data):
    plain = random.Random(7).randbytes(5_000_000)
    first, _ = put(data, plain)
    with data.edit_tree() as edit:
        edit.write("f", plain, mtime_ns=first.mtime_ns)
        edit.write("g", io.BytesIO(plain), mtime_ns=first.mtime_ns)
        edit.save()
    assert edit.stored < 1_000, "one directory node"


def test_a_stream_that_gives_few_bytes_at_a_time_is_cut_like_any_other(data):
    class Dribble(io.RawIOBase):
        def __init__(self, plain: bytes) -> None:
            self._rest, self._rng = memoryview(plain), random.Random(5)

        def read(self, size: int = -1, /) -> bytes:
            given = self._rest[: min(size, self._rng.randrange(1, 30_000))]
            self._rest = self._rest[len(given) :]
            return bytes(given)

    plain = pseudo_random(5, 2_000_000)
    assert put(data, Dribble(plain))[0].content == put(data, plain)[0].content


def test_a_stream_that_fails_leaves_the_edit_usable(data):
    class Torn(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 1_000_000:
                raise OSError("torn")
            return super().read(min(size or 0, 100_000))

    with data.edit_tree() as edit:
        edit.write("before", b"1")
        with pytest.raises(OSError, match="torn"):
            edit.write("torn", Torn(bytes(2_000_000)))
        edit.write("after", b"2")
        root = edit.save()
    assert [entry.name for entry in data.iter_directory(root)] == [b"after", b"before"]


class Lists:
    """Chunk lists in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[ObjectId, bytes] = {}

    def save(self, plain: bytes) -> ObjectId:
        self.kept[ObjectId.of(plain)] = plain
        return ObjectId.of(plain)

    def load(self, name: ObjectId) -> chunklist.ChunkList:
        return chunklist.decode(self.kept[name])

    def file(self, chunks: list[ObjectId]) -> Entry:
        writer = ListWriter(self.save)
        for chunk in chunks:
            writer.push(chunk, 10)
        content, height = writer.finish()
        return Entry(b"f", 0o100644, 0, writer.size, content, height)


def ending(wanted: bool, count: int) -> list[ObjectId]:
    """Chunk ids that end a list, or that never do."""
    ids = (ObjectId.of(b"%d" % number) for number in range(1 << 20))
    chosen = (name for name in ids if (int.from_bytes(name[:2], "big") % TARGET == 0) == wanted)
    return [next(chosen) for _ in range(count)]


@pytest.mark.parametrize(
    ("chunks", "height"),
    [
        (ending(False, 2), 1),
        (ending(False, LIMIT), 1),
        (ending(False, LIMIT + 1), 2),
        (ending(False, 5 * LIMIT), 2),
        (ending(True, 2), 1),
        (ending(True, 600), 2),
    ],
    ids=["two", "one full list", "one more", "five lists", "two that end one", "lists as short as can be"],
)
def test_a_list_of_any_length_gives_every_chunk_in_order(chunks, height):
    lists = Lists()
    file = lists.file(chunks)
    assert file.height >= height and file.size == 10 * len(chunks)
    assert [extent.chunk for extent in contents.plan_read(lists.load, file, 0, file.size)] == chunks


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(0, 5_000), st.integers(0, 5_000), st.booleans())
def test_a_plan_covers_exactly_the_bytes_asked_for(count, offset, size, hostile):
    lists = Lists()
    chunks = (CHUNKS if not hostile else ENDING_CHUNKS)[:count]
    extents = contents.plan_read(lists.load, lists.file(chunks), offset, size)
    covered = [
        10 * chunks.index(extent.chunk) + extent.start + at for extent in extents for at in range(extent.size)
    ]
    assert covered == list(range(offset, min(offset + size, 10 * count)))


CHUNKS = [ObjectId.of(b"%d" % number) for number in range(400)]
ENDING_CHUNKS = ending(True, 400)


ENDING = ending(True, 1)[0]
KINDS = st.sampled_from((ENDING, ending(False, 1)[0]))
COUNTS = st.integers(1, 5) | st.integers(1, 9_000) | st.sampled_from((LIMIT - 1, LIMIT, LIMIT + 1, 4 * LIMIT))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KINDS, COUNTS), max_size=5))
def test_a_chunk_that_comes_many_times_makes_the_lists_that_it_makes_one_by_one(runs):
    lists, at_once = Lists(), Lists()
    one_by_one = lists.file([chunk for chunk, times in runs for _ in range(times)])
    writer = ListWriter(at_once.save)
    for chunk, times in runs:
        writer.push(chunk, 10, times)
    content, height = writer.finish()
    assert (content, height, writer.size) == (one_by_one.content, one_by_one.height, one_by_one.size)
    assert at_once.kept == lists.kept


def test_a_chunk_that_comes_a_billion_times_makes_a_few_lists():
    lists = Lists()
    writer = ListWriter(lists.save)
    writer.push(ending(False, 1)[0], 10, 10**9)
    writer.finish()
    assert writer.size == 10**10 and len(lists.kept) < 10


def test_a_chunk_inserted_into_a_long_list_changes_few_lists():
    lists = Lists()
    chunks = [ObjectId.of(b"%d" % number) for number in range(50_000)]
    lists.file(chunks)
    before = len(lists.kept)
    lists.file([*chunks[:20_000], ObjectId.of(b"new"), *chunks[20_000:]])
    assert len(lists.kept) - before <= 6
