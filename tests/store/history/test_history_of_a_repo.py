"""The same on a real branch, through the front door."""

from __future__ import annotations

import pytest

import store


@pytest.fixture
def line(trips: store.Repo) -> list[store.Commit]:
    """Forty commits on `master`, oldest first."""
    made = []
    for number in range(1, 41):
        with trips.edit(message=f"day {number}") as edit:
            edit.write(f"{number}", b"%d" % number)
        made.append(edit.result)
    return made


def test_depths_count_from_the_root_and_parents_chain(line):
    assert [commit.depth for commit in line] == list(range(1, 41))
    assert [commit.parent for commit in line] == [None, *(commit.id for commit in line[:-1])]


def test_every_depth_is_found_from_every_commit(trips, line):
    for commit in line:
        assert [trips.at_depth(commit, depth) for depth in range(1, commit.depth + 1)] == line[: commit.depth]


def test_every_moment_belongs_to_the_last_commit_finished_by_then(trips, line):
    head = line[-1]
    for commit in line:
        assert trips.at_time(head, commit.finished_ns) == commit
        before = trips.at_time(head, commit.finished_ns - 1)
        assert before == (line[commit.depth - 2] if commit.depth > 1 else None)


def test_times_grow_along_the_history_even_when_the_clock_stands_still(line):
    times = [commit.finished_ns for commit in line]
    assert times == sorted(set(times))


def test_a_log_begins_anywhere_and_ends_at_the_root(trips, line):
    assert list(trips.log()) == line[::-1]
    assert list(trips.log("master.7")) == line[6::-1]


def test_a_log_of_a_branch_without_commits_is_empty(trips):
    assert list(trips.log()) == []


def test_a_branch_from_an_old_commit_has_its_own_future(trips, line):
    trips.create_branch("dev", line[4])
    with trips.edit("dev") as edit:
        edit.write("new", b"1")
    assert edit.result.depth == 6 and edit.result.parent == line[4].id
    assert trips.is_ancestor(line[4], edit.result) and not trips.is_ancestor(line[5], edit.result)
    assert [commit.depth for commit in trips.log("dev")] == [6, 5, 4, 3, 2, 1]
