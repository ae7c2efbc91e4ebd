"""A copy is one state of a store, whole, whatever others do meanwhile; or it is not there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest

import store
from store.testing.invariants import assert_sound


def fill(data: store.Store) -> None:
    trips, sales = data.create_repo("trips"), data.create_repo("sales")
    for number in range(3):
        with trips.edit(message=str(number)) as edit:
            edit.write(f"dir/{number}", random.Random(number).randbytes(50_000))
            edit.write("same", b"same")
    with sales.edit() as edit:
        edit.write("total", b"1")
    trips.create_tag("v1", trips.commit("master.1"))
    assert edit.result is not None
    data.pins.put(b"datum/1", edit.result.tree)
    data.shelf("jobs").put(b"1", b"done")


def told(data: store.Store) -> object:
    """Everything that a store says."""
    return (
        [
            (repo.name, repo.description, repo.branches(), repo.tags(), [commit.id for commit in repo.log()])
            for repo in data.repos()
        ],
        [
            (path, entry, commit.read(path) if entry.is_file else b"")
            for repo in data.repos()
            for commit in repo.log()
            for path, entry in commit.walk()
        ],
        list(data.pins.iter()),
        list(data.shelf("jobs").iter()),
    )


def test_a_copy_says_what_the_store_says(data, tmp_path):
    fill(data)
    done = data.copy(tmp_path / "copy", read_data=True)
    assert done.path == tmp_path / "copy" and done.report.sound and done.report.read_data
    with store.open(tmp_path / "copy") as copy:
        assert told(copy) == told(data)
        assert_sound(copy)
    assert os.listdir(tmp_path / "copy") in (["data.mdb", "lock.mdb"], ["lock.mdb", "data.mdb"])
    assert {(path.stat().st_mode & 0o77) for path in [tmp_path / "copy", *(tmp_path / "copy").iterdir()]} == {
        0
    }


def test_a_copy_has_an_id_of_its_own(data, tmp_path):
    data.copy(tmp_path / "copy")
    with store.open(tmp_path / "copy") as copy:
        assert copy.header.id != data.header.id
        assert copy.header.created_ns == data.header.created_ns


def test_a_copy_goes_its_own_way(data, tmp_path):
    fill(data)
    before = told(data)
    data.copy(tmp_path / "copy")
    with store.open(tmp_path / "copy") as copy:
        with copy.repo("trips").edit() as edit:
            edit.write("new", b"new")
        copy.delete_repo("sales")
        copy.sweep(copy.plan_gc())
        assert_sound(copy)
    assert told(data) == before


def test_a_copy_has_no_free_pages(data, tmp_path):
    fill(data)
    with data.create_repo("doomed").edit() as edit:
        edit.write("large", random.Random(0).randbytes(3_000_000))
    data.delete_repo("doomed")
    data.sweep(data.plan_gc())
    assert data.copy(tmp_path / "copy").size < 1_000_000 < (data.path / "data.mdb").stat().st_size


def test_an_empty_directory_is_taken(data, tmp_path):
    (tmp_path / "copy").mkdir()
    data.copy(tmp_path / "copy")
    store.open(tmp_path / "copy").close()


@pytest.mark.parametrize(
    "what", ["a file in it", "a file", "a symlink", "a store", "the store itself", "below it"]
)
def test_what_is_in_the_way_stays_and_the_copy_is_refused(data, tmp_path, what):
    where = tmp_path / "copy"
    if what == "a file in it":
        where.mkdir()
        (where / "mine").write_text("mine")
    elif what == "a file":
        where.write_text("mine")
    elif what == "a symlink":
        (tmp_path / "empty").mkdir()
        where.symlink_to(tmp_path / "empty")
    elif what == "a store":
        data.copy(where)
    elif what == "the store itself":
        where = data.path
    else:
        where = data.path / "copy"
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with pytest.raises(store.Refused, match=r"is not a new or empty directory|lies in the store itself"):
        data.copy(where)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_a_damaged_store_is_not_copied(data, tmp_path):
    fill(data)
    root = data.repo("trips").commit().tree.content
    data._env.write(lambda writing: writing.delete(b"objects", root or b""))
    with pytest.raises(store.Corrupt, match="the copy was taken away again"):
        data.copy(tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_progress_is_told(data, tmp_path):
    fill(data)
    heard: list[tuple[str, int, int]] = []
    data.copy(tmp_path / "copy", progress=lambda *said: heard.append(said))
    parts = [(done, total) for what, done, total in heard if what == "bytes"]
    assert parts and parts == sorted(parts) and parts[-1][0] <= parts[-1][1]


WRITER = """
import random, sys, store
with store.open(sys.argv[1]) as data:
    print("ready", flush=True)
    for number in range(10**9):
        with data.edit_tree() as tree:  # each file has what the other has, in every state
            tree.write("one", b"%d" % number * 3000)
            tree.write("two", b"%d" % number * 3000)
            saved = tree.save()
        with data.repo("trips").edit(message=str(number)) as edit:
            edit.graft("pair", saved)
        if number % 10 == 9:
            data.sweep(data.plan_gc())
"""


def test_a_copy_of_a_store_that_is_being_written_is_one_of_its_states(tmp_path):
    with store.create(tmp_path / "s") as data:
        data.create_repo("trips")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "s"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        depths = []
        with store.open(tmp_path / "s") as data:
            for number in range(6):
                before = data.repo("trips").head()
                data.copy(tmp_path / f"copy{number}", read_data=True)
                with store.open(tmp_path / f"copy{number}") as copy:
                    head = copy.repo("trips").head()
                    assert before is None or (head is not None and head.depth >= before.depth)
                    if head is not None:
                        assert head.read("pair/one") == head.read("pair/two")
                        depths.append(head.depth)
        assert writer.poll() is None
        assert depths == sorted(depths)
    finally:
        writer.kill()
        writer.communicate()


COPIER = """
import sys, store
with store.open(sys.argv[1]) as data:
    print("ready", flush=True)
    data.copy(sys.argv[2])
"""


def test_a_copier_that_is_killed_leaves_nothing_at_the_destination(data, tmp_path):
    fill(data)
    rng = random.Random(3)
    for number in range(8):
        where = tmp_path / f"copy{number}"
        copier = subprocess.Popen(
            [sys.executable, "-c", COPIER, data.path, where], stdout=subprocess.PIPE, text=True
        )
        assert copier.stdout is not None and copier.stdout.readline() == "ready\n"
        try:
            copier.wait(rng.uniform(0, 0.15))
        except subprocess.TimeoutExpired:
            copier.send_signal(signal.SIGKILL)
        copier.communicate()
        if where.exists():
            with store.open(where) as copy:
                assert_sound(copy)
                assert told(copy) == told(data)
