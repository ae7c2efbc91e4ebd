"""Who reads small files: one thread while they are at hand, several when they have to be waited for."""

from __future__ import annotations

import os

import pytest

from store.ingest.pace import PATIENCE, Pace


def test_files_that_are_at_hand_are_read_by_one_thread():
    pace = Pace()
    for _ in range(3):
        assert pace.is_prompt()
        pace.note(files=256, waits=3)


def test_files_that_are_waited_for_are_left_to_threads_for_a_while():
    pace = Pace()
    assert pace.is_prompt()
    pace.note(files=256, waits=60)
    assert [pace.is_prompt() for _ in range(PATIENCE + 1)] == [False] * PATIENCE + [True]


@pytest.mark.parametrize("is_prompt", [True, False])
def test_either_way_the_same_is_put(data, source, monkeypatch, is_prompt):
    monkeypatch.setattr(Pace, "is_prompt", lambda pace: is_prompt)
    for number in range(600):
        (source / f"{number}").write_bytes(b"%d" % number * (number % 7))
    os.symlink("elsewhere", source / "link")
    with data.edit_tree() as edit:
        edit.put_directory(source, "")
        root = edit.save()
    assert root.files == 601
    found = {entry.name: entry for entry in data.iter_directory(root)}
    with data.open(found[b"599"]) as stream:
        assert stream.read() == b"599" * (599 % 7) and found[b"0"].size == 0
