"""Following a path: each commit that changed it, under the names it had."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store


def change(repo: store.Repo, **files: str | None) -> store.Commit:
    """A commit that writes each file (None: removes it); `__` stands for a slash."""
    with repo.edit(allow_empty=True) as edit:
        for name, text in files.items():
            path = name.replace("__", "/")
            if text is None:
                edit.remove(path)
            else:
                edit.write(path, text.encode())
    assert edit.result is not None
    return edit.result


def move(repo: store.Repo, old: str, new: str) -> store.Commit:
    entry = repo.commit().entry(old)
    with repo.edit() as edit:
        edit.remove(old)
        edit.graft(new, entry)
    assert edit.result is not None
    return edit.result


def told(repo: store.Repo, path: str) -> list[tuple[int, str, str]]:
    return [(each.commit.depth, each.kind, each.path.decode()) for each in repo.follow(path)]


def test_only_commits_that_changed_it_are_versions(trips):
    change(trips, a="1", b="1")
    change(trips, b="2")
    change(trips, a="2")
    change(trips)
    assert told(trips, "a") == [(3, "M", "a"), (1, "A", "a")]
    assert [each.entry and each.commit.read(each.path) for each in trips.follow("a")] == [b"2", b"1"]


def test_it_is_followed_through_renames_and_out_of_directories(trips):
    change(trips, a="1")
    change(trips, a="22")
    move(trips, "a", "d/b")
    change(trips, d__b="333")
    move(trips, "d", "e")
    assert told(trips, "e/b") == [
        (5, "R", "e/b"),
        (4, "M", "d/b"),
        (3, "R", "d/b"),
        (2, "M", "a"),
        (1, "A", "a"),
    ]
    assert [each.source for each in trips.follow("e/b")] == [b"d/b", None, b"a", None, None]


def test_a_directory_is_followed_too(trips):
    change(trips, d__x="1")
    change(trips, d__y="1")
    move(trips, "d", "e")
    assert told(trips, "e") == [(3, "R", "e"), (2, "M", "d"), (1, "A", "d")]


def test_of_several_files_with_its_contents_the_one_of_its_name_is_taken(trips):
    change(trips, a__x="1", b__y="1", c__z="1")
    change(trips, a__x=None, b__y=None, c__z=None, new__y="1")
    assert next(trips.follow("new/y")).source == b"b/y"
    change(trips, new__y=None, other="1", last="1")
    assert {next(trips.follow(path)).source for path in ("other", "last")} == {b"new/y"}


def test_a_copy_and_an_empty_file_are_new(trips):
    change(trips, a="1", empty="")
    change(trips, b="1", empty=None, void="")
    assert told(trips, "b") == [(2, "A", "b")] and told(trips, "void") == [(2, "A", "void")]


def test_what_was_deleted_and_came_back_has_a_history_before(trips):
    change(trips, a="1")
    change(trips, a=None)
    change(trips, b="1")
    change(trips, a="2")
    assert told(trips, "a") == [(4, "A", "a"), (2, "D", "a"), (1, "A", "a")]


def test_a_changed_mode_is_a_version_and_a_time_is_none(trips):
    for mode, mtime_ns in ((0o644, 1), (0o644, 2), (0o755, 3)):
        with trips.edit(allow_empty=True) as edit:
            edit.write("a", b"1", mode=mode, mtime_ns=mtime_ns)
    assert told(trips, "a") == [(3, "M", "a"), (1, "A", "a")]


def test_it_begins_at_any_commit_and_the_path_must_be_there(trips):
    change(trips, a="1")
    change(trips, a="2")
    assert [each.commit.depth for each in trips.follow("a", "master.1")] == [1]
    with pytest.raises(store.PathNotFound):
        trips.follow("b")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["write", "rename", "other", "delete"]), min_size=1, max_size=12))
def test_following_tells_what_was_done(shared: store.Store, steps: list[str]) -> None:
    name = f"r{shared.last_txnid()}"
    repo = shared.create_repo(name)
    at, expected = "f0", []
    change(repo, **{at: "start"})
    expected.append("A")
    there = True
    for number, step in enumerate(steps):
        if step == "other":
            change(repo, other=f"{number}")
        elif step == "rename" and there:
            move(repo, at, f"n{number}")
            at = f"n{number}"
            expected.append("R")
        elif step == "delete" and there:
            change(repo, **{at: None})
            there = False
            expected.append("D")
        elif step == "write":
            change(repo, **{at: f"text {number}"})
            expected.append("M" if there else "A")
            there = True
    if there:
        assert [each.kind for each in repo.follow(at)] == expected[::-1]
    shared.delete_repo(name)
