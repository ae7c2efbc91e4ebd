"""Changes on top of a tree."""

from __future__ import annotations

import io
import stat

import pytest

import store
from store.testing import model


def paths(commit: store.Commit | None) -> list[str]:
    assert commit is not None
    return [path.decode() for path, _ in commit.walk()]


@pytest.fixture
def base(trips: store.Repo) -> store.Commit:
    """A commit with a bit of everything."""
    with trips.edit() as edit:
        edit.write("a.csv", b"1,2\n", mtime_ns=100)
        edit.write("run", b"#!/bin/sh\n", mode=0o755, mtime_ns=100)
        edit.write("dir/deep/one", b"one", mtime_ns=100)
        edit.write("dir/two", b"two", mtime_ns=100)
        edit.symlink("link", "dir/two", mtime_ns=100)
        edit.mkdir("empty", mode=0o700, mtime_ns=100)
    assert edit.result is not None
    return edit.result


def test_what_was_written_is_read(base):
    assert paths(base) == ["a.csv", "dir", "dir/deep", "dir/deep/one", "dir/two", "empty", "link", "run"]
    assert base.read("a.csv") == b"1,2\n" and base.read(b"/dir//two") == b"two"
    assert stat.S_IMODE(base.entry("run").mode) == 0o755 and stat.S_IMODE(base.entry("empty").mode) == 0o700
    assert base.entry("link").target == b"dir/two" and base.entry("a.csv").mtime_ns == 100


def test_reading_what_is_no_file_is_refused(base):
    for path, error in {"dir": store.IsADirectory, "": store.IsADirectory, "link": store.Refused}.items():
        with pytest.raises(error):
            base.read(path)
    for path in ("nothing", "a.csv/x", "link/x"):
        with pytest.raises(store.PathNotFound):
            base.read(path)
        assert base.find(path) is None
    with pytest.raises(store.NotADirectory):
        base.list("a.csv")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda edit: edit.write("a.csv/x", b""), store.NotADirectory),
        (lambda edit: edit.write("link/x", b""), store.NotADirectory),
        (lambda edit: edit.mkdir("a.csv"), store.NotADirectory),
        (lambda edit: edit.mkdir("a.csv/x/y"), store.NotADirectory),
        (lambda edit: edit.symlink("run/x", "y"), store.NotADirectory),
        (lambda edit: edit.graft("run/x", edit.find("dir")), store.NotADirectory),
        (lambda edit: edit.graft("", edit.find("a.csv")), store.NotADirectory),
        (lambda edit: edit.write("dir", b""), store.IsADirectory),
        (lambda edit: edit.write("", b""), store.IsADirectory),
        (lambda edit: edit.symlink("dir/deep", "x"), store.IsADirectory),
        (lambda edit: edit.remove("nothing"), store.PathNotFound),
        (lambda edit: edit.remove("a.csv/x"), store.PathNotFound),
        (lambda edit: edit.write("..", b""), store.BadName),
        (lambda edit: edit.write("x" * 256, b""), store.BadName),
    ],
)
def test_an_impossible_change_is_refused_and_the_edit_goes_on_without_it(trips, base, change, error):
    with trips.edit() as edit:
        with pytest.raises(error):
            change(edit)
        edit.write("after", b"1")
    assert paths(edit.result) == sorted([*paths(base), "after"])
    assert model.of(edit.result) == {**model.of(base), b"after": model.File(b"1")}


def test_the_same_holds_for_what_was_only_made_in_this_edit(trips):
    with trips.edit() as edit:
        edit.write("file", b"1")
        edit.mkdir("dir")
        with pytest.raises(store.NotADirectory):
            edit.write("file/x", b"")
        with pytest.raises(store.IsADirectory):
            edit.write("dir", b"")
        edit.remove("file")
        edit.write("file/x", b"2")
        edit.remove("dir")
        edit.write("dir", b"3")
    assert model.of(edit.result) == {b"file": {b"x": model.File(b"2")}, b"dir": model.File(b"3")}


def test_a_directory_removed_and_made_again_is_new(trips, base):
    with trips.edit() as edit:
        edit.remove("dir")
        assert edit.find("dir/two") is None
        edit.write("dir/three", b"3")
        assert edit.find("dir/two") is None and edit.find("dir/three") is not None
    assert [path for path in paths(edit.result) if path.startswith("dir")] == ["dir", "dir/three"]


def test_removing_the_root_leaves_nothing_but_what_comes_after(trips, base):
    with trips.edit() as edit:
        edit.remove("")
        edit.write("new", b"1")
    assert paths(edit.result) == ["new"]


def test_a_file_written_twice_is_the_last(trips):
    with trips.edit() as edit:
        edit.write("f", b"first")
        edit.write("f", io.BytesIO(b"second"), mode=0o600)
    assert edit.result.read("f") == b"second" and stat.S_IMODE(edit.result.entry("f").mode) == 0o600


def test_a_grafted_directory_can_be_changed_further_and_its_source_stays(trips, base):
    with trips.edit() as edit:
        edit.graft("copy/of", base.entry("dir"))
        edit.write("copy/of/deep/new", b"n")
        edit.remove("copy/of/two")
    assert model.of(edit.result, b"copy/of") == {
        b"deep": {b"one": model.File(b"one"), b"new": model.File(b"n")}
    }
    assert model.of(edit.result, b"dir") == model.of(base, b"dir")


def test_a_grafted_root_replaces_everything_and_can_be_changed_further(trips, base):
    with trips.edit() as edit:
        edit.write("gone", b"")
        edit.graft("", base.entry("dir"))
        edit.write("deep/new", b"n")
    assert paths(edit.result) == ["deep", "deep/new", "deep/one", "two"]


def test_grafting_the_same_directory_costs_no_content(data, trips, base):
    with trips.edit() as edit:
        edit.graft("again", base.entry("dir"))
    assert edit.result.entry("again").content == base.entry("dir").content


def test_putting_the_same_again_keeps_the_old_entry_mtime_included_and_makes_no_commit(trips, base):
    with trips.edit() as edit:
        edit.write("a.csv", b"1,2\n", mtime_ns=999)
        edit.symlink("link", "dir/two", mtime_ns=999)
    assert not edit.changed and edit.result == base
    assert trips.head() == base


def test_a_change_beside_it_keeps_the_old_entry_too(trips, base):
    with trips.edit() as edit:
        edit.write("dir/two", b"two", mtime_ns=999)
        edit.write("dir/three", b"three", mtime_ns=999)
    assert edit.result.entry("dir/two") == base.entry("dir/two")
    assert edit.result.entry("dir/three").mtime_ns == 999


def test_nothing_changed_on_an_empty_branch_makes_no_commit(trips):
    with trips.edit() as edit:
        pass
    assert edit.result is None and trips.head() is None


def test_an_empty_commit_is_made_when_asked_for(trips, base):
    with trips.edit(allow_empty=True, message="nothing new") as edit:
        pass
    assert edit.changed and edit.result.depth == 2 and edit.result.tree.identity() == base.tree.identity()


def test_anything_raised_inside_discards_the_edit(trips, base):
    def interrupted() -> None:
        with trips.edit() as edit:
            edit.write("half", b"1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert trips.head() == base


def test_find_answers_as_if_it_were_saved(trips, base):
    with trips.edit() as edit:
        edit.write("new/file", b"12345")
        edit.remove("run")
        assert edit.find("new/file").size == 5
        assert edit.find("new").is_dir and edit.find("").is_dir
        assert edit.find("run") is None and edit.find("new/nothing") is None
        assert edit.find("dir/deep/one") == base.entry("dir/deep/one")


def test_times_beyond_64_bits_are_kept_within_them(trips):
    with trips.edit() as edit:
        edit.write("late", b"", mtime_ns=1 << 70)
        edit.write("early", b"", mtime_ns=-(1 << 70))
    assert edit.result.entry("late").mtime_ns == (1 << 63) - 1
    assert edit.result.entry("early").mtime_ns == -(1 << 63) + 1


def test_a_tree_without_a_commit_is_read_like_any_other(data):
    with data.edit_tree() as edit:
        edit.write("a/b", b"1")
        root = edit.save()
        edit.write("a/c", b"2")
        more = edit.save()
    assert [entry.name for entry in data.iter_directory(data.lookup(root, b"a"))] == [b"b"]
    assert [entry.name for entry in data.iter_directory(data.lookup(more, b"a"))] == [b"b", b"c"]
    with pytest.raises(store.NotADirectory):
        data.lookup(data.lookup(data.lookup(root, b"a"), b"b"), b"x")


def test_a_name_between_two_is_listed_from_there(data):
    with data.edit_tree() as edit:
        for name in "abc":
            edit.write(name, b"")
        root = edit.save()
    assert [entry.name for entry in data.iter_directory(root, after=b"a")] == [b"b", b"c"]
    assert [entry.name for entry in data.iter_directory(root, after=b"aa")] == [b"b", b"c"]
    assert [entry.name for entry in data.iter_directory(root, after=b"c")] == []
