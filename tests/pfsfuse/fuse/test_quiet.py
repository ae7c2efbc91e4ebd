"""When a branch is committed by itself."""

from __future__ import annotations

from pfsfuse.fuse.committing import LATEST, Quiet

TRIPS = ("trips", "master")
OTHER = ("weather", "master")


def test_a_branch_is_due_once_it_has_not_changed_for_the_quiet_time() -> None:
    quiet = Quiet(10)
    assert quiet.due({TRIPS: 1}, 0) == []
    assert quiet.due({TRIPS: 2}, 9) == []
    assert quiet.due({TRIPS: 2}, 18) == []
    assert quiet.due({TRIPS: 2}, 19) == [TRIPS]


def test_branches_are_quiet_each_by_itself() -> None:
    quiet = Quiet(10)
    quiet.due({TRIPS: 1, OTHER: 1}, 0)
    assert quiet.due({TRIPS: 1, OTHER: 2}, 10) == [TRIPS]


def test_a_branch_that_is_never_quiet_is_due_at_the_latest_time() -> None:
    quiet = Quiet(10)
    due = [now for now in range(10 * LATEST + 1) if quiet.due({TRIPS: now}, now)]
    assert due == [10 * LATEST]


def test_after_a_commit_a_branch_begins_anew() -> None:
    quiet = Quiet(10)
    quiet.due({TRIPS: 1}, 0)
    assert quiet.due({TRIPS: 1}, 10) == [TRIPS]
    quiet.note_tried(TRIPS, 11)
    assert quiet.due({}, 12) == []
    assert quiet.due({TRIPS: 2}, 20) == []
    assert quiet.due({TRIPS: 2}, 30) == [TRIPS]


def test_one_that_would_not_commit_waits_for_a_change() -> None:
    quiet = Quiet(10)
    quiet.due({TRIPS: 1}, 0)
    quiet.due({TRIPS: 1}, 10)
    quiet.note_tried(TRIPS, 10)
    assert quiet.due({TRIPS: 1}, 50) == []
    assert quiet.due({TRIPS: 2}, 51) == []
    assert quiet.due({TRIPS: 2}, 61) == [TRIPS]


def test_one_that_would_not_commit_and_does_not_change_is_tried_again_at_the_latest_time() -> None:
    quiet = Quiet(10)
    quiet.due({TRIPS: 1}, 0)
    quiet.due({TRIPS: 1}, 10)
    quiet.note_tried(TRIPS, 10)
    assert quiet.due({TRIPS: 1}, 10 + 10 * LATEST - 1) == []
    assert quiet.due({TRIPS: 1}, 10 + 10 * LATEST) == [TRIPS]
