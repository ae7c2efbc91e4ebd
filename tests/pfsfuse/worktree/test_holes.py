"""A file system on which what was written cannot be told from what never was: nothing shows through there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from pfsfuse.testing.worktrees import opened_tree
from pfsfuse.worktree import holes, scratch
from pfsfuse.worktree.model import File
from pfsfuse.worktree.ranges import Range
from pfsfuse.worktree.staging import stage
from pfsfuse.worktree.worktree import Worktree

UNIT = 128 << 10
LARGE = bytes(range(1, 256)) * 12_000


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes a byte has a whole unit of data, as on ZFS."""
    data_of = holes.data_of

    def units_of(descriptor: int) -> list[Range]:
        return [(start // UNIT * UNIT, -(-end // UNIT) * UNIT) for start, end in data_of(descriptor)]

    monkeypatch.setattr(holes, "data_of", units_of)
    monkeypatch.setattr(scratch, "data_of", units_of)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[store.Store]:
    with store.create(tmp_path / "store") as made:
        with made.create_repo("trips").edit() as edit:
            edit.write("large", LARGE)
        yield made


def large(tree: Worktree) -> File:
    file = tree.take(tree.model.root, b"large")
    assert isinstance(file, File)
    return file


def content(tree: Worktree) -> bytes:
    with tree.opened(large(tree)) as opened:
        return opened.read(0, opened.size)


def test_coarse_units_are_noticed_and_leave_nothing_behind(tmp_path: Path, coarse: None) -> None:
    assert not holes.are_told(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoilt", ["no holes at all", "holes where zeros were written"])
def test_other_file_systems_that_cannot_tell_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    data_of = holes.data_of

    def spoilt_data_of(descriptor: int) -> list[Range]:
        return [(0, holes.SPAN)] if spoilt == "no holes at all" else data_of(descriptor)[:1]

    monkeypatch.setattr(holes, "data_of", spoilt_data_of)
    assert not holes.are_told(tmp_path)


def test_a_write_to_a_large_file_keeps_what_is_around_it(opened: store.Store, coarse: None) -> None:
    tree = opened_tree(opened)
    with tree.opened(large(tree)) as file:
        file.write(1 << 20, b"new")
    tree.close()
    tree = opened_tree(opened)
    assert content(tree) == LARGE[: 1 << 20] + b"new" + LARGE[(1 << 20) + 3 :]
    tree.close()


def test_a_file_that_stays_open_over_a_commit_keeps_what_is_around_later_writes(
    opened: store.Store, coarse: None
) -> None:
    tree = opened_tree(opened)
    file = large(tree)
    tree.open(file).write(0, b"one")
    standing = stage(opened, tree)
    tree.settle(standing.tree, None if standing.base is None else standing.base.id)
    tree.files.open(file).write(1 << 20, b"two")
    tree.release(file)
    tree.close()
    tree = opened_tree(opened)
    assert content(tree) == b"one" + LARGE[3 : 1 << 20] + b"two" + LARGE[(1 << 20) + 3 :]
    tree.close()
