"""Who reads at random is served without readahead; everybody else with it; the bytes are the same."""

from __future__ import annotations

import os
import random
import resource
from pathlib import Path

import pytest

from store.engine import access, ahead
from store.engine.access import JUMPS, SMALL, Pattern
from store.engine.ahead import Finder
from store.engine.pages import HEAD
from store.engine.txn import SEGMENTS
from store.ids import ObjectId
from store.records import Extent

CHUNKS = [ObjectId(bytes([number]) * 32) for number in range(32)]
PAGE = 4096


def jump(number: int) -> list[Extent]:
    return [Extent(CHUNKS[number], PAGE, PAGE)]


@pytest.fixture
def jumping() -> Pattern:
    """A pattern with a row of jumps behind it."""
    pattern = Pattern()
    assert [pattern.is_random(jump(number)) for number in range(JUMPS)] == [False] * (JUMPS - 1) + [True]
    return pattern


def test_reads_that_go_on_end_a_row_of_jumps(jumping):
    assert not jumping.is_random([Extent(CHUNKS[JUMPS - 1], 2 * PAGE, PAGE)])


def test_a_large_read_ends_a_row_of_jumps(jumping):
    assert not jumping.is_random([Extent(CHUNKS[0], PAGE, SMALL // 2), Extent(CHUNKS[1], 0, SMALL // 2)])
    assert not jumping.is_random(jump(9))


def test_small_files_one_after_another_are_not_at_random():
    pattern = Pattern()
    assert not any(pattern.is_random([Extent(chunk, 0, 2000)]) for chunk in CHUNKS)


def test_a_file_read_in_small_pieces_is_not_at_random():
    pattern = Pattern()
    assert not any(
        pattern.is_random([Extent(chunk, start, PAGE)])
        for chunk in CHUNKS
        for start in range(0, 16 * PAGE, PAGE)
    )


@pytest.fixture
def written(data, monkeypatch):
    """A store that counts as large, an entry of some MiB in it, and its bytes."""
    monkeypatch.setattr(access, "LARGE", 0)
    plain = random.Random("random").randbytes(6 << 20)
    with data.create_repo("trips").edit() as edit:
        edit.write("big", plain)
    return data, edit.result.entry("big"), plain


def reads_single_pages(where: Path) -> bool:
    """Whether the kernel was told so (`rr`) about this process' map of the store."""
    with open("/proc/self/smaps", "rb") as maps:
        lines = iter(maps)
        for line in lines:
            if line.rstrip().endswith(os.fsencode(where / "data.mdb")):
                return b" rr" in next(flags for flags in lines if flags.startswith(b"VmFlags"))
    raise AssertionError("the store is not mapped")


def read_at_random(data, entry, plain: bytes, count: int = 50) -> None:
    random_ = random.Random("places")
    for _ in range(count):
        at = random_.randrange(len(plain) // PAGE) * PAGE
        assert data.fetch(data.extents(entry, at, PAGE)) == plain[at : at + PAGE]


def test_bytes_read_at_random_are_right_and_no_page_beside_them_is_read(written):
    data, entry, plain = written
    read_at_random(data, entry, plain)
    assert reads_single_pages(data.path)


def test_a_reader_in_order_brings_the_readahead_back(written):
    data, entry, plain = written
    read_at_random(data, entry, plain)
    with data.lend(data.extents(entry, 0, 1 << 20)) as pieces:
        assert b"".join(pieces) == plain[: 1 << 20]
    assert not reads_single_pages(data.path)


def test_a_writer_brings_the_readahead_back(written):
    data, entry, plain = written
    read_at_random(data, entry, plain)
    with data.repo("trips").edit() as edit:
        edit.write("more", b"more")
    assert not reads_single_pages(data.path)
    read_at_random(data, entry, plain)
    assert reads_single_pages(data.path)


def test_a_small_store_keeps_its_readahead(written, monkeypatch):
    data, entry, plain = written
    monkeypatch.setattr(access, "LARGE", 1 << 30)
    read_at_random(data, entry, plain)
    assert not reads_single_pages(data.path)


def test_a_store_that_was_closed_keeps_no_file_open(written):
    data, entry, plain = written
    read_at_random(data, entry, plain)
    data.close()
    left = [
        os.readlink(f"/proc/self/fd/{each.name}") for each in os.scandir("/proc/self/fd") if each.is_symlink()
    ]
    assert not [path for path in left if path.startswith(os.fspath(data.path))]


def test_who_may_open_no_more_files_reads_at_random_all_the_same(written):
    data, entry, plain = written
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        read_at_random(data, entry, plain)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_store_that_was_removed_is_read_at_random_all_the_same(written):
    data, entry, plain = written
    (data.path / "data.mdb").unlink()
    read_at_random(data, entry, plain)


@pytest.mark.parametrize("pages", [1, 64])
def test_each_segment_is_asked_for_where_it_lies(written, asked, monkeypatch, pages):
    monkeypatch.setattr(ahead, "PAGES", pages)
    data, *_ = written
    finder = Finder(data.path / "data.mdb", SEGMENTS)
    with data._env.read() as reading, (data.path / "data.mdb").open("rb") as file:
        long = 0
        for key, value in reading.iter_raw(SEGMENTS):
            if len(value) < PAGE:
                continue
            long += 1
            finder.ask_for(reading.number, key)
            offset, size = asked.pop()
            file.seek(offset + HEAD)
            assert file.read(size - HEAD) == value
        assert long > 10 and not asked
        assert len(finder._walk[2]) <= pages
    finder.close()


def test_what_cannot_be_found_is_not_asked_for(written, asked):
    data, *_ = written
    finder = Finder(data.path / "data.mdb", SEGMENTS)
    with data._env.read() as reading:
        for state, key in (
            (reading.number, b"\xff" * 8),
            (reading.number, bytes(8)),
            (reading.number + 7, bytes(8)),
        ):
            finder.ask_for(state, key)
    finder.close()
    assert asked == []
