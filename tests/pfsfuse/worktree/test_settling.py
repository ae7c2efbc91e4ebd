"""What becomes of open files when the store has all that was written, and something does not go as it should."""

from __future__ import annotations

import os
import time

import pytest

import store
from pfsfuse.testing.worktrees import opened_tree
from pfsfuse.worktree import files
from pfsfuse.worktree.files import SPARE
from pfsfuse.worktree.journal import Change
from pfsfuse.worktree.model import File
from pfsfuse.worktree.staging import stage
from pfsfuse.worktree.worktree import Worktree

REGULAR = 0o100644
LARGE = bytes(range(256)) * 6000


def written(tree: Worktree, name: bytes, content: bytes) -> File:
    """A new file that stays open."""
    file = tree.make(tree.model.root, name, REGULAR)
    assert isinstance(file, File)
    tree.open(file).write(0, content)
    return file


def content(tree: Worktree, name: bytes) -> bytes:
    file = tree.take(tree.model.root, name)
    assert isinstance(file, File)
    with tree.opened(file) as scratch:
        return scratch.read(0, scratch.size)


def test_files_that_are_a_terabyte_of_holes_are_staged_at_the_price_of_their_data(opened):
    with opened.repo("trips").edit() as edit:
        edit.write("grown", LARGE)
    tree = opened_tree(opened)
    grown, made = tree.take(tree.model.root, b"grown"), written(tree, b"made", b"begin")
    for file in (grown, made):
        tree.truncate(file, 1 << 40)
        tree.open(file).write(1 << 39, b"middle")
    stage(opened, tree)
    root = opened.repo("trips").standing("master").tree
    for name, begin in ((b"grown", LARGE[:5]), (b"made", b"begin")):
        entry = opened.lookup(root, name)
        assert entry is not None and entry.size == 1 << 40
        for offset, held in ((0, begin), ((1 << 39) - 1, b"\0middle\0"), ((1 << 40) - 1, b"\0")):
            assert opened.fetch(opened.extents(entry, offset, len(held))) == held
    tree.close()


def test_who_reads_while_the_store_takes_over_sees_what_was_written(opened):
    large = LARGE * 2
    with opened.repo("trips").edit() as edit:
        edit.write("large", large)
    tree = opened_tree(opened)
    file = tree.take(tree.model.root, b"large")
    scratch = tree.open(file)
    scratch.write(2 << 20, b"new")
    now = scratch.read(0, scratch.size)
    with opened.repo("trips").edit() as edit:
        edit.write("large", now)
    entry, fetch, taken = edit.result.find("large"), scratch._fetch, []

    def fetch_while_it_is_taken_over(entry_: store.Entry, offset: int, size: int) -> bytes:
        if not taken:
            taken.append(scratch.rest_on(entry))  # as the loop does while a thread reads
        return fetch(entry_, offset, size)

    scratch._fetch = fetch_while_it_is_taken_over
    assert scratch.read(0, scratch.size) == now
    tree.release(file)
    tree.close()


def test_a_record_that_does_not_fit_leaves_the_journal_readable(opened):
    tree = opened_tree(opened)
    file = written(tree, b"file", b"1")
    with pytest.raises(KeyError):
        tree._names.do(Change(99, 0o600, None))
    tree.release(file)
    tree.close()
    assert content(opened_tree(opened), b"file") == b"1"


def test_a_journal_that_cannot_be_replaced_lets_go_of_nothing(opened, monkeypatch):
    tree = opened_tree(opened)
    file = written(tree, b"file", b"1")
    standing = stage(opened, tree)

    def full(records):
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr(tree._names._journal, "replace", full)
        with pytest.raises(OSError, match="full"):
            tree.settle(standing.tree, None)
    tree.open(file).write(1, b"2")
    tree.release(file)
    assert tree.dirty
    tree.release(file)
    tree.close()
    assert content(opened_tree(opened), b"file") == b"12"


def test_an_open_file_that_somebody_removed_meanwhile_goes_on_without_a_name(opened):
    tree = opened_tree(opened)
    file = written(tree, b"file", b"1")
    stage(opened, tree)
    opened.repo("trips").drop_draft("master")
    tree.settle(None, None)
    assert tree.model.find(tree.model.root, b"file") is None
    with tree.opened(file) as scratch:
        assert scratch.read(0, 10) == b"1"
    tree.release(file)
    assert not tree.has(file)


def test_an_open_file_is_whole_wherever_the_process_ends_while_the_store_takes_over(opened, monkeypatch):
    tree = opened_tree(opened)
    file = written(tree, b"file", LARGE)
    standing = stage(opened, tree)
    path = tree.directory / "files" / str(file.number)
    sizes = set()
    for name in ("ftruncate", "fsync", "rename"):
        real = getattr(os, name)

        def watched(*args, real=real):
            sizes.add(path.stat().st_size)
            real(*args)
            sizes.add(path.stat().st_size)

        monkeypatch.setattr(os, name, watched)
    tree.settle(standing.tree, None)
    assert sizes == {len(LARGE)}
    assert content(tree, b"file") == LARGE


def test_what_was_cut_off_stays_cut_off_though_the_journal_was_full(opened, monkeypatch):
    with opened.repo("trips").edit() as edit:
        edit.write("file", LARGE)
    tree = opened_tree(opened)
    file = tree.take(tree.model.root, b"file")
    assert isinstance(file, File)
    scratch = tree.open(file)

    def full(record):
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr(tree._names._journal, "add", full)
        with pytest.raises(OSError, match="full"):
            tree.truncate(file, 4096)
    tree.note_shown(file, scratch)
    scratch.write(1_400_000, b"end")
    tree.release(file)
    tree.close()
    assert content(opened_tree(opened), b"file") == LARGE[:4096].ljust(1_400_000, b"\0") + b"end"


def scratch_files(tree: Worktree) -> set[str]:
    """But for the spare ones."""
    return {path.name for path in (tree.directory / "files").iterdir() if not path.name.startswith(SPARE)}


def test_the_scratch_files_of_what_the_store_has_are_swept_but_for_those_that_are_open(opened):
    tree = opened_tree(opened)
    for name in (b"1", b"2", b"3"):
        with tree.opened(tree.make(tree.model.root, name, REGULAR)) as scratch:
            scratch.write(0, name)
    held = written(tree, b"held", b"4")
    standing = stage(opened, tree)
    tree.settle(standing.tree, None)
    tree.remove(tree.model.root, b"1", directory=False)
    again = written(tree, b"1", b"new")
    tree.files.sweep()
    assert scratch_files(tree) == {str(held.number), str(again.number)}
    assert (content(tree, b"1"), content(tree, b"held")) == (b"new", b"4")


def test_a_sweep_that_comes_after_the_end_leaves_what_the_numbers_stand_for_by_then(opened):
    tree = opened_tree(opened)
    file = tree.make(tree.model.root, b"file", REGULAR)
    tree.settle(stage(opened, tree).tree, None)
    tree.close()
    after = opened_tree(opened)
    other = written(after, b"other", b"1")
    assert (after.directory / "files" / str(file.number)).exists() == (file.number == other.number)
    tree.files.sweep()
    assert content(after, b"other") == b"1"


def left_over(opened) -> None:
    """Two scratch files that nobody wants are left, and their numbers are free."""
    tree = opened_tree(opened)
    for name in (b"1", b"2"):
        tree.make(tree.model.root, name, REGULAR)
    tree.settle(stage(opened, tree).tree, None)
    tree.close()
    assert len(scratch_files(tree)) == 2


def test_what_is_left_over_is_swept_by_the_next_to_open_it_who_does_not_wait_for_that(opened):
    left_over(opened)
    tree = opened_tree(opened)
    assert len(scratch_files(tree)) == 2
    tree.files.sweep()
    assert scratch_files(tree) == set()


def test_a_file_that_was_made_under_the_number_of_one_that_is_left_over_is_not_swept(opened):
    left_over(opened)
    tree = opened_tree(opened)
    made = written(tree, b"other", b"1")
    assert str(made.number) in scratch_files(tree) and len(scratch_files(tree)) == 2
    tree.files.sweep()
    assert scratch_files(tree) == {str(made.number)}
    assert content(tree, b"other") == b"1"
    tree.release(made)
    tree.close()
    assert content(opened_tree(opened), b"other") == b"1"


def test_a_scratch_file_that_was_swept_becomes_the_next_one_that_is_made(opened):
    tree = opened_tree(opened)
    old = written(tree, b"old", b"what was there")
    os.utime(tree.directory / "files" / str(old.number), ns=(1, 1))
    number = (tree.directory / "files" / str(old.number)).stat().st_ino
    tree.release(old)
    tree.settle(stage(opened, tree).tree, None)
    tree.files.sweep()
    tree.close()
    again = opened_tree(opened)
    before = time.time_ns() - 1_000_000_000
    made = again.make(again.model.root, b"new", REGULAR)
    status = (again.directory / "files" / str(made.number)).stat()
    assert (status.st_ino, status.st_size) == (number, 0) and again.mtime_ns(made) > before
    assert content(again, b"new") == b""
    other = written(again, b"other", b"1")  # there is no spare one any more
    assert content(again, b"other") == b"1" and scratch_files(again) == {str(made.number), str(other.number)}


def test_a_spare_file_that_is_gone_is_made(opened):
    left_over(opened)
    tree = opened_tree(opened)
    tree.files.sweep()
    for path in (tree.directory / "files").iterdir():
        path.unlink()
    written(tree, b"new", b"1")
    assert content(tree, b"new") == b"1"


def test_no_more_spare_files_are_kept_than_are_worth_it(opened, monkeypatch):
    monkeypatch.setattr(files, "SPARES", 1)
    left_over(opened)
    tree = opened_tree(opened)
    tree.files.sweep()
    assert len(list((tree.directory / "files").iterdir())) == 1


def test_a_copy_that_was_about_to_take_the_place_of_another_is_gone_when_the_tree_is_open(opened):
    left_over(opened)
    tree = opened_tree(opened)
    tree.close()
    (tree.directory / "files" / "2.new").touch()
    assert scratch_files(opened_tree(opened)) == {"1", "2"}
