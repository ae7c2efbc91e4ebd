"""The journal: its page shows its bytes, torn ends are taken away, damage is not."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.errors import WorktreeError
from pfsfuse.worktree import journal
from pfsfuse.worktree.journal import (
    MAGIC,
    Attribute,
    Begin,
    Change,
    Drop,
    Journal,
    Make,
    Move,
    Record,
    Swap,
    Take,
    Write,
    encoded,
)
from store import Entry

PAGE = Path(journal.__file__).with_name("journal.md").read_text()
RECORDS: list[Record] = [
    Begin("trips", "master", b"\1" * 16),
    Make(1, 0, b"a", stat.S_IFREG | 0o644, 7),
    Take(2, 0, Entry(b"b", stat.S_IFREG | 0o644, 5, 3, b"\2" * 32)),
    Write(2, 3),
    Change(2, 0o600, None),
    Attribute(2, b"user.x", b"1"),
    Drop(0, b"c", True, 8),
    Move(0, b"a", 0, b"d", False, 9),
    Swap(0, b"b", 0, b"d", 10),
]
WHOLE = MAGIC + b"".join(map(encoded, RECORDS))
ENDS = [len(MAGIC + b"".join(map(encoded, RECORDS[:count]))) for count in range(len(RECORDS) + 1)]


def test_the_page_shows_the_bytes_we_write():
    shown = re.search(r"```hex\n(.+?)```", PAGE, re.DOTALL)
    assert shown is not None
    records = [Begin("trips", "master", None), Make(1, 0, b"2016", stat.S_IFDIR | 0o755, 5)]
    assert bytes.fromhex(shown[1]) == MAGIC + b"".join(map(encoded, records))


def test_the_page_lists_every_kind_of_record():
    for record in RECORDS:
        assert f"| `{type(record).__name__.lower()}` |" in PAGE


def test_what_was_added_is_found_again(tmp_path):
    path = tmp_path / "journal"
    written = Journal(path)
    for record in RECORDS:
        written.add(record)
    written.sync()
    written.close()
    found = Journal(path)
    found.close()
    assert found.found == RECORDS


@pytest.mark.parametrize("size", range(len(WHOLE) + 1))
def test_a_torn_end_is_taken_away_and_what_lies_before_it_stays(tmp_path, size):
    path = tmp_path / "journal"
    path.write_bytes(WHOLE[:size])
    found = Journal(path)
    found.close()
    count = sum(1 for end in ENDS[1:] if end <= size)
    assert found.found == RECORDS[:count]
    assert path.read_bytes() == WHOLE[: ENDS[count]]


def test_zeros_that_a_power_cut_left_at_the_end_are_taken_away(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(WHOLE + bytes(5000))
    found = Journal(path)
    found.close()
    assert found.found == RECORDS


@given(at=st.integers(0, ENDS[-2] - 1), bit=st.integers(0, 7))
def test_damage_before_the_end_is_an_error_and_changes_nothing(tmp_path_factory, at, bit):
    path = tmp_path_factory.mktemp("damaged") / "journal"
    damaged = bytearray(WHOLE)
    damaged[at] ^= 1 << bit
    path.write_bytes(damaged)
    with pytest.raises(WorktreeError):
        Journal(path)
    assert path.read_bytes() == damaged


def test_a_journal_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "journal"
    kept = Journal(path)
    kept.add(RECORDS[0])
    kept.replace(RECORDS[:3])
    kept.add(RECORDS[3])
    kept.close()
    again = Journal(path)
    again.close()
    assert again.found == RECORDS[:4]


def test_a_long_journal_is_read_in_the_time_of_its_length(monkeypatch):
    copied = 0

    class Counted(bytes):
        def __getitem__(self, index):
            nonlocal copied
            found = super().__getitem__(index)
            copied += len(found) if isinstance(index, slice) else 0
            return found

    count = 2000
    data = Counted(WHOLE + encoded(Change(2, 0o600, None)) * count)
    assert len(journal.read(data)[0]) == len(RECORDS) + count
    assert copied < 3 * len(data)
