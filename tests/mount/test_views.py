"""A mount of a few branches and commits, under names of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import Mounted, mounted
from pfsfuse.testing.posix import outcome
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Mounted]]:
    directory = tmp_path_factory.mktemp("views")
    views = ("old=trips@master.1", "dev=trips@dev", "before=trips@master^", "trips@..=trips@master.1..master")
    options = [word for view in views for word in ("--view", view)]
    with store.create(directory / "store") as opened:
        trips = opened.create_repo("trips")
        opened.create_repo("secret")
        for content in (b"1", b"2"):
            with trips.edit() as edit:
                edit.write("f", content)
        trips.create_branch("dev", trips.head())
        with mounted(opened.path, directory / "pfs", "--writable", "--xattrs", *options) as mount:
            yield opened, mount


@pytest.fixture
def place(shared: tuple[Store, Mounted]) -> Path:
    return shared[1].path


def test_only_what_was_chosen_is_there_under_the_chosen_names(place: Path) -> None:
    assert sorted(os.listdir(place)) == [".pfs", "before", "dev", "old", "trips@.."]
    for name in ("trips", "secret", "trips@dev", "trips@master.1", "trips@"):
        assert outcome(os.stat, place / name) == "ENOENT"


def test_each_name_stands_for_its_commit_or_branch(place: Path) -> None:
    found = [(place / name / "f").read_bytes() for name in ("old", "dev", "before", "trips@..")]
    assert found == [b"1", b"2", b"1", b"2"]
    assert os.getxattr(place / "old", "user.pfs.repo") == b"trips"


def test_a_branch_can_be_written_to_and_committed_and_no_other_can(
    place: Path, shared: tuple[Store, Mounted]
) -> None:
    (place / "dev" / "g").write_text("3")
    assert os.listdir(place / ".pfs" / "commit") == []
    (place / ".pfs" / "commit" / "trips@dev").write_text("from a view")
    assert shared[0].repo("trips").commit("dev").message == "from a view"
    assert outcome(os.stat, place / ".pfs" / "commit" / "trips") == "ENOENT"
    assert outcome((place / "old" / "g").write_text, "") == "EROFS"


def test_an_expression_follows_its_branch(place: Path, shared: tuple[Store, Mounted]) -> None:
    with shared[0].repo("trips").edit() as edit:
        edit.write("f", b"4")
    shared[1].refresh()
    assert [(place / name / "f").read_bytes() for name in ("old", "before")] == [b"1", b"2"]
