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


def test_a_write_that_is_cut_off_hides_nothing_that_it_did_not_write(scratch: Scratch) -> None:
    with no_room_after(LIMIT), pytest.raises(OSError):
        scratch.write(LIMIT - 8192, b"x" * MORE)
    assert scratch.read(0, len(LARGE)) == LARGE[: LIMIT - 8192] + b"x" * 8192 + LARGE[LIMIT:]
    assert scratch.changed() == [(LIMIT - 8192, LIMIT)]


def test_a_range_that_cannot_be_cleared_whole_hides_nothing_beyond(scratch: Scratch) -> None:
    with no_room_after(LIMIT), pytest.raises(OSError):
        scratch.clear(KEEP_SIZE | PUNCH_HOLE, LIMIT - 8192, MORE)
    assert scratch.read(0, len(LARGE)) == LARGE[: LIMIT - 8192] + bytes(8192) + LARGE[LIMIT:]
