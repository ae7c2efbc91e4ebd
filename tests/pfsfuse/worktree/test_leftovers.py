"""What mounts that are gone have left: each branch is staged or told of, whatever happens to the others, and the bytes
that show through are there however the branch and the store move on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from pfsfuse.testing.worktrees import opened_tree
from pfsfuse.worktree.model import File, Folder
from pfsfuse.worktree.place import place
from pfsfuse.worktree.staging import stage, stage_leftovers
from pfsfuse.worktree.worktree import Worktree

REGULAR = 0o100644
LARGE = bytes(range(256)) * 6000
"""More than is copied when it is written to: the rest shows through."""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[store.Store]:
    with store.create(tmp_path / "store") as made:
        for name in ("trips", "weather"):
            with made.create_repo(name).edit() as edit:
                edit.write("first", b"1")
        yield made


def write(tree: Worktree, name: bytes, content: bytes) -> None:
    file = tree.make(tree.model.root, name, REGULAR)
    assert isinstance(file, File)
    with tree.opened(file) as scratch:
        scratch.write(0, content)


def staged(opened: store.Store, repo: str, name: str) -> bytes:
    draft = opened.repo(repo).find_draft()
    assert draft is not None
    return draft.read(name)


def overtaken(opened: store.Store) -> Worktree:
    """A working tree that was begun on one head, and shows one that came later, with LARGE in it."""
    tree = opened_tree(opened)
    write(tree, b"new", b"new")
    with opened.repo("trips").edit() as edit:
        edit.write("dir/large", LARGE)
    tree.model.rest_on(opened.repo("trips").standing("master").tree)
    return tree


def forget(opened: store.Store) -> None:
    """The commit with that content is squashed away, and what nothing leads to is collected."""
    trips = opened.repo("trips")
    with trips.edit() as edit:
        edit.write("dir/large", b"small now")
    trips.squash("master", trips.commit("master.1"), trips.commit("master.3"))
    opened.sweep(opened.plan_gc())


def test_what_shows_through_outlives_the_head_that_it_came_with(opened):
    tree = overtaken(opened)
    folder = tree.take(tree.model.root, b"dir")
    assert isinstance(folder, Folder)
    file = tree.take(folder, b"large")
    assert isinstance(file, File)
    with tree.opened(file) as scratch:
        scratch.write(5, b"x")
    forget(opened)
    tree.close()
    again = opened_tree(opened)
    with again.opened(again.model.items[file.number]) as scratch:
        assert scratch.read(0, len(LARGE)) == LARGE[:5] + b"x" + LARGE[6:]
    again.close()


def test_a_directory_that_was_moved_outlives_the_head_that_it_came_with(opened):
    tree = overtaken(opened)
    tree.rename(tree.model.root, b"dir", tree.model.root, b"moved")
    forget(opened)
    tree.close()
    assert stage_leftovers(opened) == []
    assert staged(opened, "trips", "moved/large") == LARGE


def test_nothing_is_pinned_once_the_store_has_it_all(opened):
    tree = overtaken(opened)
    tree.rename(tree.model.root, b"dir", tree.model.root, b"moved")
    assert len(list(opened.pins.iter(b"worktree/"))) == 2
    tree.close()
    stage_leftovers(opened)
    assert list(opened.pins.iter(b"worktree/")) == []


def test_a_working_tree_that_was_moved_away_keeps_nothing_alive(opened, tmp_path):
    tree = opened_tree(opened)
    write(tree, b"new", b"new")
    tree.close()
    tree.directory.rename(tmp_path / "away")
    assert stage_leftovers(opened) == []
    assert list(opened.pins.iter(b"worktree/")) == []


@pytest.mark.parametrize("damage", ["first record", "a later record"])
def test_a_damaged_journal_stops_its_own_branch_and_is_named(opened, damage):
    for name in ("trips", "weather"):
        tree = opened_tree(opened, name)
        for number in range(3):
            write(tree, b"new%d" % number, b"new")
        tree.close()
    journal = place(opened.path, "trips", "master") / "journal"
    data = bytearray(journal.read_bytes())
    data[20 if damage == "first record" else len(data) // 2] ^= 0xFF
    journal.write_bytes(data)
    (failure,) = stage_leftovers(opened)
    assert failure.is_of("trips@master", journal.parent) and not failure.is_of("weather@master", Path("x"))
    assert f"{journal} is damaged" in failure.why and f"{journal.parent / 'files'}" in failure.hint
    assert staged(opened, "weather", "new0") == b"new"
    assert journal.read_bytes() == data


def test_a_branch_that_cannot_be_staged_is_named_and_the_others_are(opened, monkeypatch):
    for name in ("trips", "weather"):
        tree = opened_tree(opened, name)
        write(tree, b"new", b"new")
        tree.close()
    real = store.Repo.stage

    def full(repo, *arguments, **options):
        if repo.name == "trips":
            raise store.Full(opened.path)
        return real(repo, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(store.Repo, "stage", full)
        (failure,) = stage_leftovers(opened)
    assert failure.branch == "trips@master" and "no space left" in failure.why
    assert staged(opened, "weather", "new") == b"new"
    assert stage_leftovers(opened) == []
    assert staged(opened, "trips", "new") == b"new"


@pytest.mark.parametrize("after", ["master.1", "master.2"])
def test_what_was_written_on_a_commit_that_was_squashed_meets_what_came_since(opened, after):
    trips = opened.repo("trips")
    for content in (b"2", b"3"):
        with trips.edit() as edit:
            edit.write("dir/a", content)
    tree = opened_tree(opened)
    folder = tree.take(tree.model.root, b"dir")
    assert isinstance(folder, Folder)
    file = tree.take(folder, b"a")
    assert isinstance(file, File)
    with tree.opened(file) as scratch:
        scratch.write(0, b"mine")
    tree.close()
    with trips.edit() as edit:
        edit.write("dir/a", b"theirs")
    trips.squash("master", trips.commit(after), trips.commit("master.4"))
    assert stage_leftovers(opened) == []
    assert [conflict.path for conflict in trips.commit_draft(message="both").conflicts] == [b"dir/a"]
    assert staged(opened, "trips", "dir/a") == b"mine"


def test_a_directory_that_has_become_a_file_below_a_change_is_a_conflict(opened):
    trips = opened.repo("trips")
    with trips.edit() as edit:
        edit.write("dir/a", b"1")
    tree = opened_tree(opened)
    folder = tree.take(tree.model.root, b"dir")
    assert isinstance(folder, Folder)
    tree.make(folder, b"new", REGULAR)
    with trips.edit() as edit:
        edit.remove("dir")
        edit.write("dir", b"a file")
    tree.model.rest_on(trips.standing("master").tree)
    assert [name for name, _ in tree.model.iter_names(folder)] == [b"new"]
    tree.close()
    assert stage_leftovers(opened) == []
    assert [conflict.path for conflict in trips.commit_draft(message="both").conflicts] == [b"dir"]
    assert staged(opened, "trips", "dir/new") == b""


@pytest.mark.parametrize("committed", [False, True])
def test_what_was_staged_when_the_process_died_is_not_there_twice(opened, committed):
    tree = opened_tree(opened)
    write(tree, b"new", b"new")
    tree.rename(tree.model.root, b"first", tree.model.root, b"moved")
    stage(opened, tree)
    before = opened.repo("trips").standing("master").tree
    if committed:
        opened.repo("trips").commit_draft(message="at once")
    tree.close()
    assert stage_leftovers(opened) == []
    assert opened.repo("trips").standing("master").tree == before
