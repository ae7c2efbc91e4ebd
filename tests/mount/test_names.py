"""What the names at the top mean."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import mounted
from pfsfuse.testing.posix import outcome
from pfsfuse.testing.trees import put_tree
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")


def test_every_way_to_name_a_commit_is_a_directory(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("trips")
    first, second = (put_tree(repo, {"day": b"%d" % day}) for day in (1, 2))
    repo.create_branch("dev", first)
    repo.create_tag("v1.0", first)
    with mounted(opened.path, mountpoint) as mount:
        meanings = {
            "trips": b"2",
            "trips@master": b"2",
            f"trips@{second.id}": b"2",
            "trips@master.2": b"2",
            "trips@dev": b"1",
            "trips@v1.0": b"1",
            "trips@master.1": b"1",
            "trips@master^": b"1",
            "trips@master~1": b"1",
            f"trips@{first.id}": b"1",
            f"trips@{str(first.id)[:12]}": b"1",
        }
        assert {name: (mount.path / name / "day").read_bytes() for name in meanings} == meanings
        assert set(os.listdir(mount.path)) == {".pfs", "trips"}


@pytest.mark.parametrize(
    "name",
    [
        *("nope", "@", "@master", "...", "autorun.inf", "\udcff", "trips@\udcff", "trips@master\n"),
        *("trips@nope", "trips@@", "trips@~", "trips@mas!ter", "trips@master:day", "trips@" + "0" * 32),
        *("trips@master.0", "trips@master.3", "trips@master^^", "trips@master~" + "9" * 100),
        *("trips@" + "9" * 200, "trips@master@2999-99-99"),
    ],
)
def test_a_name_that_means_nothing_is_not_there(name: str, opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("trips")
    put_tree(repo, {"day": b"1"})
    put_tree(repo, {"day": b"2"})
    with mounted(opened.path, mountpoint) as mount:
        assert outcome(os.stat, mount.path / name) == "ENOENT"
        assert (mount.path / "trips" / "day").read_bytes() == b"2"


def test_a_repo_without_commits_is_an_empty_directory(opened: Store, mountpoint: Path) -> None:
    opened.create_repo("new").create_branch("dev")
    with mounted(opened.path, mountpoint) as mount:
        assert [os.listdir(mount.path / name) for name in ("new", "new@master", "new@dev")] == [[], [], []]
        assert outcome(os.stat, mount.path / "new" / "x") == "ENOENT"


def test_the_refs_of_a_repo_are_listed_as_symlinks(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("trips")
    commits = [put_tree(repo, {"day": b"%d" % day}) for day in (1, 2, 3)]
    repo.create_branch("dev", commits[1])
    repo.create_tag("v1", commits[0])
    with mounted(opened.path, mountpoint) as mount:
        refs = mount.path / "trips@"
        assert {name: os.readlink(refs / name) for name in os.listdir(refs)} == {
            "master": "../trips@master",
            "dev": "../trips@dev",
            "v1": f"../trips@{commits[0].id}",
            "master.1": f"../trips@{commits[0].id}",
            "master.2": f"../trips@{commits[1].id}",
            "master.3": f"../trips@{commits[2].id}",
        }
        assert (refs / "master.2" / "day").read_bytes() == b"2"
        assert (refs / "dev.1" / "day").read_bytes() == b"1", "any expression is found, listed or not"
        assert all(
            os.lstat(refs / name).st_size == len(os.readlink(refs / name)) for name in os.listdir(refs)
        )


def test_what_changed_between_refs_is_seen_below_the_refs_at_once(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("trips")
    put_tree(repo, {"day": b"1"})
    with mounted(opened.path, mountpoint) as mount:
        assert "v1" not in os.listdir(mount.path / "trips@")
        repo.create_tag("v1", repo.commit("master"))
        assert "v1" in os.listdir(mount.path / "trips@")
        assert (mount.path / "trips@" / "v1" / "day").read_bytes() == b"1"
        assert (mount.path / "trips@v1" / "day").read_bytes() == b"1"


def test_the_mount_says_what_it_is(opened: Store, mountpoint: Path) -> None:
    with mounted(opened.path, mountpoint) as mount:
        status = json.loads((mount.path / ".pfs" / "status").read_bytes())
        assert (status["store"], status["pid"]) == (str(opened.path), mount.process.pid)
        assert (mount.path / ".pfs" / "version").read_text().strip()
        first = (mount.path / ".pfs" / "status").read_bytes()
        deadline = time.monotonic() + 60
        while (mount.path / ".pfs" / "status").read_bytes() == first:
            assert time.monotonic() < deadline, "requests are counted"
