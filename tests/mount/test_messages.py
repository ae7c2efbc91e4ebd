"""A commit made by writing its message into the mount, by whatever program."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import Mounted, mounted
from pfsfuse.testing.posix import outcome
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")


@pytest.fixture
def pfs(shared: tuple[Store, Mounted]) -> Path:
    return shared[1].path


@pytest.fixture
def messages(pfs: Path) -> Path:
    return pfs / ".pfs" / "commit"


def test_echo_of_a_message_commits_what_was_written(trips: store.Repo, pfs: Path, messages: Path) -> None:
    (pfs / trips.name / "a").write_text("1")
    subprocess.run(["sh", "-c", f'echo "31 July" > {messages}/{trips.name}'], check=True)
    head = trips.head()
    assert head is not None and (head.message, head.read("a")) == ("31 July", b"1")


def test_the_branch_named_after_the_at_is_committed(
    trips: store.Repo, pfs: Path, messages: Path, shared: tuple[Store, Mounted]
) -> None:
    with trips.edit() as edit:
        edit.write("a", b"1")
    trips.create_branch("dev", trips.head())
    shared[1].refresh()
    (pfs / f"{trips.name}@dev" / "b").write_text("2")
    (pfs / trips.name / "c").write_text("3")
    (messages / f"{trips.name}@dev").write_text("on dev")
    assert trips.commit("dev").message == "on dev"
    assert trips.commit("master~0").message != "on dev"
    assert [path for path, _ in trips.commit("dev").walk()] == [b"a", b"b"]


def test_an_empty_message_becomes_one_that_names_what_has_changed(
    trips: store.Repo, pfs: Path, messages: Path
) -> None:
    for name in "abcde":
        (pfs / trips.name / name).write_text(name)
    (messages / trips.name).write_text("\n")
    head = trips.head()
    assert head is not None and head.message == "change a, b, c and more"


def test_reading_says_how_to_use_it_and_how_the_last_one_ended(
    trips: store.Repo, pfs: Path, messages: Path
) -> None:
    file = messages / trips.name
    assert file.read_text() == f'echo "what has changed" > .pfs/commit/{trips.name}\n'
    (pfs / trips.name / "a").write_text("1")
    file.write_text("one")
    assert file.read_text().splitlines()[1].endswith(f"committed {trips.commit('master').id}: one")
    file.write_text("two")
    assert file.read_text().splitlines()[1].endswith("nothing to commit")


def test_each_write_to_an_open_file_is_a_commit(trips: store.Repo, pfs: Path, messages: Path) -> None:
    with open(messages / trips.name, "a", buffering=1) as file:
        for name in ("one", "two"):
            (pfs / trips.name / name).write_text(name)
            file.write(f"{name}\n")
    assert [commit.message for commit in trips.log()] == ["two", "one"]


def test_a_conflict_is_ebusy_and_the_status_says_why_and_nothing_is_lost(
    trips: store.Repo, pfs: Path, messages: Path
) -> None:
    (pfs / trips.name / "a").write_text("mine")
    with trips.edit() as edit:
        edit.write("a", b"theirs")
    assert outcome((messages / trips.name).write_text, "mine") == "EBUSY"
    told = json.loads((pfs / ".pfs" / "status").read_text())["commits"][f"{trips.name}@master"]
    assert "failed: committing what is staged" in told and "conflict" in told
    assert (pfs / trips.name / "a").read_text() == "mine"
    head = trips.head()
    assert head is not None and head.read("a") == b"theirs"


def test_there_is_no_file_for_what_does_not_exist(messages: Path, trips: store.Repo) -> None:
    for name in ("none", f"{trips.name}@none", f"{trips.name}@", "@", "a b"):
        assert outcome(os.stat, messages / name) == "ENOENT"


def test_what_is_no_text_is_refused(trips: store.Repo, pfs: Path, messages: Path) -> None:
    (pfs / trips.name / "a").write_text("1")
    assert outcome((messages / trips.name).write_bytes, b"\xff\xfe") == "EILSEQ"
    assert outcome((messages / trips.name).write_bytes, b"x" * 70_000) == "EFBIG"
    assert trips.head() is None


def test_the_default_branch_of_every_repo_is_listed(trips: store.Repo, messages: Path) -> None:
    assert trips.name in os.listdir(messages)
    assert (messages / trips.name).stat().st_mode & 0o777 == 0o644


def test_a_mount_that_is_read_only_has_no_such_directory(tmp_path: Path) -> None:
    with store.create(tmp_path / "store") as opened, mounted(opened.path, tmp_path / "pfs") as mount:
        assert "commit" not in os.listdir(mount.path / ".pfs")
