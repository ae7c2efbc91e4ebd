"""Dropping: commits go for good, when nothing depends on them."""

from __future__ import annotations

import pytest

import store
from store.testing.invariants import assert_sound


def put(repo: store.Repo, name: str, text: str = "1", branch: str = "master", **more) -> store.Commit:
    with repo.edit(branch, **more) as edit:
        edit.write(name, text.encode())
    assert edit.result is not None
    return edit.result


@pytest.fixture
def line(trips: store.Repo) -> list[store.Commit]:
    """Six commits on master."""
    return [put(trips, f"{number}") for number in range(1, 7)]


@pytest.mark.parametrize(
    ("after", "left"),
    [
        ((), 5),
        (("master.2",), 2),
        (("master^",), 5),
        ((None,), 0),
    ],
)
def test_the_last_commits_go_and_the_branch_is_where_it_was_before_them(data, trips, line, after, left):
    done = trips.drop(line[5], *(each and trips.commit(each) for each in after))
    assert done.commits == tuple(each.id for each in line[left:][::-1])
    assert (done.moved, done.head) == (("master",), line[left - 1] if left else None)
    assert list(trips.log()) == line[:left][::-1]
    for gone in line[left:]:
        with pytest.raises(store.CommitNotFound):
            trips.get(gone.id)
    assert_sound(data)
    assert put(trips, "new").depth == left + 1


def test_a_collection_frees_what_only_they_held(data, trips, line):
    large = put(trips, "large", "x" * 100_000)
    trips.drop(large)
    assert data.sweep(data.plan_gc()).dropped > 0
    assert trips.commit() == line[5]
    assert_sound(data)


def test_what_only_another_branch_has_goes_and_all_branches_there_are_moved(data, trips, line):
    trips.create_branch("dev", line[2])
    made = [put(trips, name, branch="dev") for name in "ab"]
    trips.create_branch("also", made[0])
    done = trips.drop(made[1], line[5])
    assert (len(done.commits), done.moved, done.head) == (2, ("also", "dev"), line[2])
    assert trips.head() == line[5] and trips.head("dev") == trips.head("also") == line[2]


def test_what_a_deleted_branch_left_goes_and_no_branch_is_moved(data, trips, line):
    trips.create_branch("dev", line[2])
    made = put(trips, "a", branch="dev")
    trips.delete_branch("dev")
    done = trips.drop(made)
    assert (done.commits, done.moved) == ((made.id,), ())
    assert_sound(data)


def depends(data: store.Store, trips: store.Repo, line: list[store.Commit], kind: str) -> None:
    """Make something depend on the fifth of six commits."""
    fifth = line[4]
    if kind == "tag v1":
        trips.create_tag("v1", fifth)
    elif kind == "the draft of master":
        with trips.stage() as staged:
            staged.write("staged", b"1")
    elif kind == "follows it":
        trips.create_branch("dev", fifth)
        put(trips, "other", branch="dev")
    elif kind == "sales@":
        source = (store.Provenance("trips", "master", fifth.id),)
        with data.create_repo("sales").edit(provenance=source, allow_empty=True):
            pass
    elif kind == "trips@":
        trips.create_branch("dev", line[3])
        put(trips, "other", branch="dev")
        trips.merge("dev", line[5])


@pytest.mark.parametrize("kind", ["tag v1", "the draft of master", "follows it", "sales@", "trips@", "a job"])
def test_what_something_depends_on_is_refused_and_nothing_changes(data, trips, line, kind):
    depends(data, trips, line, kind)
    before = data.last_txnid()
    needed = {line[4].id: "a job"} if kind == "a job" else {}
    with pytest.raises(store.InUse) as caught:
        trips.drop(line[5], line[1], needed=needed)
    assert kind in str(caught.value) and "pfs revert" in caught.value.hint()
    assert data.last_txnid() == before and trips.head() == line[5]


def test_a_commit_that_is_followed_is_refused(trips, line):
    with pytest.raises(store.InUse, match="follows it"):
        trips.drop(line[3])


def test_what_is_in_the_ancestry_already_is_refused(trips, line):
    with pytest.raises(store.Refused, match="nothing comes after that"):
        trips.drop(line[3], line[4])


def test_what_a_pipeline_computes_is_not_dropped(data):
    output = data.create_repo("sales", origin="pipeline")
    with output.edit(origin="pipeline", allow_empty=True) as edit:
        pass
    with pytest.raises(store.InUse, match="pipeline"):
        output.drop(edit.result)


def test_a_failed_commit_goes_alone(data, trips, line):
    failed = trips.edit().fail("no")
    done = trips.drop(failed)
    assert (done.commits, done.moved, trips.head()) == ((failed.id,), (), line[5])
    assert_sound(data)


def test_an_edit_that_is_under_way_is_laid_over_what_is_left(trips, line):
    with trips.edit() as edit:
        edit.write("mine", b"1")
        trips.drop(line[5], line[2])
    assert edit.result is not None and edit.result.parent == line[2].id
    assert [entry.name for entry in edit.result.list()] == [b"1", b"2", b"3", b"mine"]


def test_an_edit_under_way_on_a_line_that_is_all_gone_says_so(trips, line):
    edit = trips.edit()
    edit.write("mine", b"1")
    trips.drop(line[5], None)
    with pytest.raises(store.CommitNotFound), edit:
        pass
    assert trips.head() is None
