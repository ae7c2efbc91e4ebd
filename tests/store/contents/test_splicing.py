"""A file changed in places: the same ids as writing it anew, for the price of what changed."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import store


def written(opened: store.Store, content: bytes) -> store.Entry:
    with opened.edit_tree() as edit:
        edit.write("f", content, mtime_ns=1)
        found = opened.lookup(edit.save(), b"f")
    assert found is not None
    return found


def spliced(
    opened: store.Store, old: store.Entry, changed: list[tuple[int, int]], new: bytes | BinaryIO, size: int
) -> store.Entry:
    stream = io.BytesIO(new) if isinstance(new, bytes) else new
    with opened.edit_tree() as edit:
        edit.splice("f", old, changed, stream, size, mtime_ns=1)
        found = opened.lookup(edit.save(), b"f")
    assert found is not None
    return found


def changes(size: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    spot = st.tuples(st.integers(0, max(size - 1, 0)), st.sampled_from((1, 3, 4096, 70_000, 400_000)))
    return st.lists(spot.map(lambda found: (found[0], min(found[0] + found[1], size))), max_size=4)


@st.composite
def edits(draw: st.DrawFn) -> tuple[int, int, list[tuple[int, int]]]:
    old = draw(st.sampled_from((0, 1, 5_000, 16_383, 16_384, 70_000, 400_000, 900_000)))
    new = draw(st.sampled_from((old, old, 0, old // 2, max(old - 1, 0), old + 1, old + 60_000, old * 2)))
    return old, new, draw(changes(min(old, new)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(edits(), st.randoms(use_true_random=False))
@example((900_000, 900_000, []), random.Random(1))
def test_a_spliced_file_has_the_ids_of_one_that_was_written_whole(data, edit, rng):
    old_size, size, changed = edit
    old = random.Random(11).randbytes(old_size)
    new = bytearray(old[:size].ljust(size, b"\0"))
    new[old_size:] = rng.randbytes(max(size - old_size, 0))
    for start, end in changed:
        new[start:end] = rng.randbytes(end - start)
    assert spliced(data, written(data, old), changed, bytes(new), size) == written(data, bytes(new))


class Sparse(store.SparseReader):
    """A file with holes, in a file of the host; counts the bytes that are read."""

    def __init__(self, path: Path, parts: list[tuple[int, bytes]], size: int) -> None:
        self._file, self.count = path.open("w+b", buffering=0), 0
        self._file.truncate(size)
        for offset, data in parts:
            self._file.seek(offset)
            self._file.write(data[: max(size - offset, 0)])
        self._file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:
        count = self._file.readinto(buffer) or 0
        self.count += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


SPOTS = st.sampled_from((0, 5_000, 400_000, 1_000_000, 2_000_001, 4_500_000))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.dictionaries(SPOTS, SPOTS, max_size=3), st.dictionaries(SPOTS, SPOTS, max_size=2), SPOTS, SPOTS)
def test_a_file_spliced_around_holes_has_the_ids_of_one_that_was_written_whole(
    data, tmp_path, first, second, old_size, size
):
    bytes_of = random.Random(13).randbytes
    held = [(at, bytes_of(length // 3)) for at, length in first.items()]
    added = [(at, bytes_of(length // 3)) for at, length in second.items()]
    old = written(data, Sparse(tmp_path / "old", held, old_size).read())
    kept = [(at, part[: max(min(old_size, size) - at, 0)]) for at, part in held]
    new = Sparse(tmp_path / "new", [*kept, *added], size)
    changed = [(at, min(at + len(part), size)) for at, part in added if at < size]
    assert spliced(data, old, changed, new, size) == written(data, (tmp_path / "new").read_bytes())


def test_a_file_that_grows_by_a_terabyte_of_nothing_costs_next_to_nothing(data, tmp_path):
    old = written(data, random.Random(14).randbytes(1_000_000))
    new = Sparse(tmp_path / "new", [(0, random.Random(14).randbytes(1_000_000)), (1 << 39, b"x")], 1 << 40)
    found = spliced(data, old, [], new, 1 << 40)
    assert found.size == 1 << 40 and new.count < 4_000_000
    assert data.fetch(data.extents(found, (1 << 39) - 1, 3)) == b"\0x\0"


SIZE = 48_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[store.Store, bytes, store.Entry]]:
    """A store with a file of a few lists of chunks, and its bytes."""
    with store.create(tmp_path_factory.mktemp("spliced") / "store") as opened:
        plain = random.Random(12).randbytes(SIZE)
        entry = written(opened, plain)
        assert entry.height == 2
        yield opened, plain, entry


@pytest.mark.parametrize(
    ("start", "end", "size"),
    [
        (0, 1, SIZE),
        (SIZE // 2, SIZE // 2 + 1, SIZE),
        (SIZE - 1, SIZE, SIZE),
        (100, SIZE - 1_000_000, SIZE),
        (0, 0, SIZE + 1),
        (5, 6, SIZE + 1_000_000),
        (0, 0, SIZE - 1),
        (0, 0, 17_000),
    ],
)
def test_a_file_of_many_lists_keeps_those_that_nothing_touches(large, start, end, size):
    opened, plain, entry = large
    new = bytearray(plain[:size].ljust(size, b"x"))
    new[start:end] = bytes(byte ^ 0x55 for byte in new[start:end])
    assert spliced(opened, entry, [(start, end)], bytes(new), size) == written(opened, bytes(new))


class Counting(io.BytesIO):
    """Counts what is read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found


@pytest.mark.parametrize("at", [0, SIZE // 2, SIZE - 1])
def test_changing_one_byte_reads_and_stores_its_neighbourhood(large, at):
    opened, plain, entry = large
    new = bytearray(plain)
    new[at] ^= 1
    stream = Counting(bytes(new))
    with opened.edit_tree() as edit:
        edit.splice("f", entry, [(at, at + 1)], stream, len(new))
        edit.save()
    assert stream.count < 2_000_000
    assert edit.stored < 600_000
