"""A disk that has no more room: what was not written is what it was."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import store
from pfsfuse.worktree.room import KEEP_SIZE, PUNCH_HOLE
from pfsfuse.worktree.scratch import Scratch
from store import Entry

LARGE = bytes(range(1, 256)) * 12_000
LIMIT = 1 << 20
MORE = 25 * 4096
"""Bytes of whole blocks, of which some are before and some after the limit."""


@contextmanager
def no_room_after(size: int) -> Iterator[None]:
    """Files can be written up to `size` bytes: what is beyond is refused in the middle of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    """A file over one of the store, of which it shows everything."""
    with store.create(tmp_path / "store") as opened:
        with opened.create_repo("trips").edit() as edit:
            edit.write("large", LARGE)
        entry = opened.resolve_commit("trips").entry("large")

        def fetch(entry: Entry, offset: int, size: int) -> bytes:
            return opened.fetch(opened.extents(entry, offset, size))

        made = Scratch.make(tmp_path / "scratch", fetch, entry)
        yield made
        made.close()


def test_a_write_that_is_cut_off_changes_nothing_that_showed_through(scratch: Scratch) -> None:
    with no_room_after(LIMIT), pytest.raises(OSError):
        scratch.write(LIMIT - 8192, b"x" * MORE)
    assert scratch.read(0, 2 * len(LARGE)) == LARGE
    assert scratch.changed() == []


def test_a_write_that_is_cut_off_beyond_the_end_leaves_the_file_as_long_as_it_was(scratch: Scratch) -> None:
    end = 2 * len(LARGE)
    with no_room_after(end), pytest.raises(OSError):
        scratch.write(end - 8192, b"x" * MORE)
    assert scratch.read(0, 2 * end) == LARGE


def test_of_a_file_that_was_made_here_as_much_is_written_as_there_is_room_for(tmp_path: Path) -> None:
    made = Scratch.make(tmp_path / "scratch", lambda *_: b"", None)
    try:
        with no_room_after(LIMIT):
            assert made.write(LIMIT - 8192, b"x" * MORE) == 8192
            with pytest.raises(OSError):
                made.write(LIMIT, b"x")
        assert made.read(LIMIT - 8192, MORE) == b"x" * 8192
    finally:
        made.close()


def test_a_range_that_cannot_be_cleared_whole_hides_nothing_beyond(scratch: Scratch) -> None:
    with no_room_after(LIMIT), pytest.raises(OSError):
        scratch.clear(KEEP_SIZE | PUNCH_HOLE, LIMIT - 8192, MORE)
    assert scratch.read(0, len(LARGE)) == LARGE


def test_room_that_cannot_be_had_hides_nothing_from_who_opens_the_file_again(scratch: Scratch) -> None:
    with no_room_after(LIMIT + 100), pytest.raises(OSError):
        scratch.allocate(0, 0, MORE)
    again = Scratch(scratch.path, scratch._fetch, scratch.base, scratch.shown)
    try:
        for each in (scratch, again):
            assert each.read(0, 2 * len(LARGE)) == LARGE
            assert each.changed() == []
    finally:
        again.close()
