"""`trips@A..B`: what changed from one commit to another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import mounted
from pfsfuse.testing.trees import put_tree
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

BEFORE = {
    "same/a": b"1",
    "d/kept": b"1",
    "d/changed": b"1",
    "d/gone": b"1",
    "old/x": b"1",
    "only/gone": b"1",
    "only/kept": b"1",
}
AFTER = {"same/a": b"1", "d/kept": b"1", "d/changed": b"2", "d/new": b"2", "only/kept": b"1", "new/y": b"2"}


def files(top: Path) -> dict[str, bytes]:
    return {
        os.path.relpath(os.path.join(where, name), top): Path(where, name).read_bytes()
        for where, _, names in os.walk(top)
        for name in names
    }


@pytest.fixture
def changed(opened: Store) -> Store:
    repo = opened.create_repo("r")
    put_tree(repo, BEFORE)
    put_tree(repo, AFTER)
    return opened


def test_only_what_was_added_or_modified_is_there_and_what_was_deleted_is_below_deleted(
    changed: Store, mountpoint: Path
) -> None:
    with mounted(changed.path, mountpoint) as mount:
        top = mount.path / "r@master.1..master.2"
        assert files(top) == {
            "d/changed": b"2",
            "d/new": b"2",
            "new/y": b"2",
            ".deleted/d/gone": b"1",
            ".deleted/old/x": b"1",
            ".deleted/only/gone": b"1",
        }
        assert sorted(os.listdir(top)) == [".deleted", "d", "new"]
        for absent in ("same", "only", "d/kept", ".deleted/new", ".deleted/d/changed"):
            assert not (top / absent).exists(), absent


def test_from_a_commit_to_itself_nothing_changed(changed: Store, mountpoint: Path) -> None:
    with mounted(changed.path, mountpoint) as mount:
        assert os.listdir(mount.path / "r@master.2..master.2") == [".deleted"]
        assert os.listdir(mount.path / "r@master.2..master.2" / ".deleted") == []


def test_a_range_to_a_branch_moves_with_it(changed: Store, mountpoint: Path) -> None:
    with mounted(changed.path, mountpoint) as mount:
        top = mount.path / "r@master.2..master"
        assert files(top) == {}
        put_tree(changed.repo("r"), {**AFTER, "third": b"3"})
        mount.refresh()
        assert files(top) == {"third": b"3"}


def test_a_range_of_what_does_not_exist_does_not_exist(changed: Store, mountpoint: Path) -> None:
    with mounted(changed.path, mountpoint) as mount:
        for ref in ("master.1..master.9", "nobody..master", "master..nobody"):
            assert not (mount.path / f"r@{ref}").exists(), ref
