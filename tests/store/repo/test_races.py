"""Several at once: nobody's changes are lost."""

from __future__ import annotations

import threading

import pytest

import store
from store.testing.invariants import assert_sound

RACER = """
import sys, store
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with store.open(path) as data:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        with data.repo("trips").edit(message=f"{name} {number}") as edit:
            edit.write(f"{name}/{number}", f"{name} {number}".encode())
        print(edit.result.id, flush=True)
"""


def test_two_processes_racing_for_one_branch_both_get_all_their_commits_in(data, trips, race):
    outputs = race(RACER, 50)
    head = trips.head()
    assert head.depth == 100 and head.tree.files == 100
    assert {str(commit.id) for commit in trips.log()} == {line for output in outputs for line in output}
    assert {commit.message for commit in trips.log()} == {
        f"{n} {i}" for n in ("ada", "bob") for i in range(50)
    }
    assert_sound(data)


def test_threads_racing_for_one_branch_do_as_well(data, trips):
    def race(name: str) -> None:
        for number in range(15):
            with trips.edit() as edit:
                edit.write(f"{name}/{number}", name.encode())

    threads = [threading.Thread(target=race, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trips.head().depth == trips.head().tree.files == 60
    assert_sound(data)


def interrupted(trips: store.Repo, change, meanwhile) -> store.Commit:
    """`change` in one edit, and `meanwhile` committed by somebody else before it."""
    with trips.edit() as edit:
        change(edit)
        with trips.edit() as other:
            meanwhile(other)
    assert edit.changed and edit.result.parent == other.result.id
    return edit.result


@pytest.mark.parametrize(
    ("change", "meanwhile", "expected"),
    [
        (lambda e: e.write("a", b"2"), lambda o: o.write("b", b"1"), ["a", "b", "dir", "dir/x"]),
        (
            lambda e: e.write("dir/y", b"2"),
            lambda o: o.write("dir/z", b"1"),
            ["a", "dir", "dir/x", "dir/y", "dir/z"],
        ),
        (lambda e: e.write("dir/y", b"2"), lambda o: o.remove("dir"), ["a", "dir", "dir/y"]),
        (lambda e: e.remove("dir"), lambda o: o.write("dir/y", b"1"), ["a"]),
        (lambda e: e.remove("a"), lambda o: o.write("b", b"1"), ["b", "dir", "dir/x"]),
        (lambda e: e.graft("", e.find("dir")), lambda o: o.write("b", b"1"), ["x"]),
        (lambda e: (e.remove(""), e.write("c", b"")), lambda o: o.write("b", b"1"), ["c"]),
        (
            lambda e: e.write("dir/y", b""),
            lambda o: (o.remove("dir"), o.write("dir", b"")),
            ["a", "dir", "dir/y"],
        ),
        (lambda e: e.write("new", b""), lambda o: o.write("new/below", b""), ["a", "dir", "dir/x", "new"]),
    ],
)
def test_a_lost_race_is_settled_by_laying_the_changes_over_the_new_head(trips, change, meanwhile, expected):
    with trips.edit() as edit:
        edit.write("a", b"1")
        edit.write("dir/x", b"1")
    commit = interrupted(trips, change, meanwhile)
    assert [path.decode() for path, _ in commit.walk()] == expected


def test_a_lost_race_for_the_first_commit_is_settled_too(trips):
    commit = interrupted(trips, lambda edit: edit.write("a", b""), lambda other: other.write("b", b""))
    assert commit.depth == 2 and [entry.name for entry in commit.list()] == [b"a", b"b"]


def test_the_same_change_made_by_somebody_faster_makes_no_second_commit(trips):
    with trips.edit() as edit:
        edit.write("a", b"1")
        with trips.edit() as other:
            other.write("a", b"1")
    assert not edit.changed and edit.result == other.result == trips.head()


def add(edit, mode):
    with edit.open("log", mode) as file:
        file.write(b"mine")


ADDING = [
    (b"", lambda edit: edit.append("log", b"mine")),
    (b"", lambda edit: add(edit, "ab")),
    (b"", lambda edit: add(edit, "r+b")),
    (None, lambda edit: edit.append("log", b"mine")),
    (None, lambda edit: add(edit, "ab")),
    (None, lambda edit: add(edit, "xb")),
]


@pytest.mark.parametrize(("first", "change"), ADDING)
@pytest.mark.parametrize("staged", [False, True])
def test_what_was_worked_out_from_a_file_is_not_laid_over_another(trips, first, change, staged):
    with trips.edit() as edit:
        edit.write("other", b"1")
        if first is not None:
            edit.write("log", first)
    mine = trips.stage() if staged else trips.edit()
    change(mine)
    with trips.edit() as theirs:
        theirs.write("log", b"theirs")
    with pytest.raises(store.HeadMoved), mine:
        pass
    assert trips.commit().read("log") == b"theirs" and trips.find_draft() is None


@pytest.mark.parametrize(("first", "change"), ADDING)
def test_what_was_worked_out_from_a_file_is_laid_over_what_others_changed(trips, first, change):
    if first is not None:
        with trips.edit() as edit:
            edit.write("log", first)
    with trips.edit() as mine:
        change(mine)
        with trips.edit() as theirs:
            theirs.write("other", b"theirs")
            if first is not None:
                theirs.write("log", first, mtime_ns=1)  # a time alone is no change
    head = trips.commit()
    assert (head.read("log"), head.read("other")) == (b"mine", b"theirs")


def test_what_is_added_to_a_file_of_the_edit_s_own_is_laid_over_another(trips):
    with trips.edit() as mine:
        mine.write("log", b"my")
        mine.append("log", b" own")
        with trips.edit() as theirs:
            theirs.write("log", b"theirs")
    assert trips.commit().read("log") == b"my own"


def test_readers_see_the_whole_of_a_commit_or_none_of_it(data, trips):
    done = threading.Event()
    torn: list[object] = []

    def watch() -> None:
        while not done.is_set():
            head = trips.head()
            if head is not None and len({head.read(f"{number}") for number in range(4)}) != 1:
                torn.append(head)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(60):
        with trips.edit() as edit:
            for part in range(4):
                edit.write(f"{part}", b"%d" % number)
    done.set()
    watcher.join()
    assert torn == []


def test_an_edit_that_expects_what_is_no_longer_so_makes_no_commit_and_no_failed_one(data, trips):
    shelf = data.shelf("jobs")
    shelf.put(b"k", b"1")
    before = trips.head()
    for end in (lambda edit: edit.commit(), lambda edit: edit.fail("why")):
        edit = trips.edit(message="m")
        edit.write("new", b"")
        edit.expect(shelf, {b"k": b"1", b"l": None})
        shelf.put(b"k", b"2")
        with pytest.raises(store.Conflict, match="k was changed"):
            end(edit)
        shelf.put(b"k", b"1")
        assert trips.head() == before and [each.message for each in trips.log()].count("m") == 0
    with trips.edit(message="m") as edit:
        edit.write("new", b"")
        edit.expect(shelf, {b"k": b"1"})
    assert edit.changed
