"""Squashing: fewer commits with the same trees at the same times, and nothing lost that anything depends on."""

from __future__ import annotations

import threading

import pytest

import store
from store.testing import model
from store.testing.invariants import assert_sound


def put(repo: store.Repo, name: str, text: str = "1", branch: str = "master", **more) -> store.Commit:
    with repo.edit(branch, message=f"put {name}", author="ada", **more) as edit:
        edit.write(name, text.encode())
    assert edit.result is not None
    return edit.result


@pytest.fixture
def line(trips: store.Repo) -> list[store.Commit]:
    """Nine commits on master, each with one more file."""
    return [put(trips, f"{number}") for number in range(1, 10)]


def test_commits_in_a_row_become_one_with_the_tree_of_the_last(data, trips, line):
    done = trips.squash("master", line[2], line[6], author="bob")
    assert (done.squashed, done.rewritten, done.removed) == (4, 2, 6)
    made = done.made
    assert (made.depth, made.parent, made.tree, made.author) == (4, line[2].id, line[6].tree, "bob")
    assert made.message == "put 4\nput 5\nput 6\nput 7"
    assert (made.started_ns, made.finished_ns) == (line[3].started_ns, line[6].finished_ns)
    assert [each.tree for each in trips.log()] == [line[at].tree for at in (8, 7, 6, 2, 1, 0)]
    assert done.head == trips.head() and trips.head().depth == 6
    assert_sound(data)


def test_what_follows_keeps_everything_but_its_id_and_number(trips, line):
    trips.squash("master", line[2], line[6], message="one")
    old, new = line[8], trips.head()
    assert new.id != old.id and new.depth == 6
    for name in ("branch", "tree", "started_ns", "finished_ns", "author", "message", "origin", "state"):
        assert getattr(old, name) == getattr(new, name)
    assert trips.at_time(new, old.finished_ns) == new and trips.at_depth(new, 4).message == "one"


def test_the_old_commits_are_gone_and_a_collection_frees_what_only_they_held(data, trips):
    for text in ("first", "second", "third"):
        last = put(trips, "a", text * 20_000)
    trips.squash("master", None, last)
    assert trips.head().depth == 1 and [each.message for each in trips.log()] == ["put a\nput a\nput a"]
    with pytest.raises(store.CommitNotFound):
        trips.get(last.id)
    assert data.sweep(data.plan_gc()).dropped > 0
    assert trips.head().read("a") == b"third" * 20_000
    assert_sound(data)


def test_the_first_commits_and_the_last_are_squashed_too(data, trips, line):
    trips.squash("master", None, line[3])
    assert trips.head().depth == 6 and trips.commit("master.1").tree == line[3].tree
    trips.squash("master", trips.commit("master.1"), trips.head())
    assert trips.head().depth == 2 and trips.head().tree == line[8].tree
    assert_sound(data)


@pytest.mark.parametrize("kind", ["tag", "branch", "child", "result", "merge", "draft", "job"])
def test_what_something_depends_on_is_refused_and_nothing_changes(data, trips, line, kind):
    needed: dict[store.CommitId, str] = {}
    at = line[4]
    if kind == "tag":
        trips.create_tag("v1", at)
    elif kind == "branch":
        trips.create_branch("dev", at)
    elif kind == "child":
        trips.create_branch("dev", at)
        put(trips, "x", branch="dev")
    elif kind == "result":
        put(data.create_repo("sales"), "r", provenance=[store.Provenance("trips", "master", at.id)])
    elif kind == "merge":
        put(trips, "x", branch="dev", provenance=[store.Provenance("trips", "master", at.id)])
    elif kind == "draft":
        trips.create_branch("dev", at)
        with trips.stage("dev") as staged:
            staged.write("x", b"1")
        trips.advance("dev", expect=at.id, to=line[0].id)
    else:
        needed[at.id] = "job sales@12345678 reads it"
    before = data.last_txnid()
    with pytest.raises(store.InUse, match=at.id.short()):
        trips.squash("master", line[2], line[6], needed=needed)
    assert data.last_txnid() == before
    done = trips.squash("master", line[2], line[6], needed=needed, keep=True)
    assert done.removed == 4 and trips.get(at.id) == at and [each.id for each in trips.log(str(at.id))]
    assert trips.head().depth == 6 and trips.find_commit(str(line[4].id)) == at
    assert_sound(data)


def test_a_merge_that_was_squashed_is_not_made_again(data, trips, line):
    trips.create_branch("dev", line[0])
    put(trips, "theirs", branch="dev")
    trips.merge("master", trips.head("dev"))
    put(trips, "later")
    trips.squash("master", line[8], trips.head())
    assert trips.head().provenance == (store.Provenance("trips", "dev", trips.head("dev").id),)
    assert not trips.merge("master", trips.head("dev")).changed
    assert_sound(data)


def test_the_draft_of_the_branch_goes_on(data, trips, line):
    with trips.stage() as staged:
        staged.write("staged", b"1")
    trips.squash("master", line[2], line[6])
    assert trips.find_draft().base == trips.head().id
    done = trips.commit_draft()
    assert done.commit.depth == 7 and done.commit.read("staged") == b"1"
    assert_sound(data)


def test_an_edit_that_is_under_way_is_laid_over_the_new_head(trips, line):
    with trips.edit() as edit:
        edit.write("late", b"1")
        head = trips.squash("master", line[2], line[6]).head
    assert edit.result.parent == head.id and edit.result.depth == 7


@pytest.mark.parametrize(
    ("after", "last"), [(2, 2), (2, 3), (6, 2), (None, 0)], ids=["none", "one", "backwards", "the first"]
)
def test_it_takes_two_commits_in_a_row(data, trips, line, after, last):
    before = data.last_txnid()
    with pytest.raises(store.Refused):
        trips.squash("master", None if after is None else line[after], line[last])
    assert data.last_txnid() == before


def test_only_commits_of_the_branch_are_squashed(data, trips, line):
    trips.create_branch("dev", line[4])
    other = put(trips, "x", branch="dev")
    for after, last in ((line[2], other), (other, line[8]), (line[6], line[8])):
        with pytest.raises(store.Refused):
            trips.squash("dev" if last is line[8] else "master", after, last)
    with pytest.raises(store.InUse, match="pipeline"):
        data.create_repo("sales", origin="pipeline").squash("master", None, line[8])


def test_a_log_that_is_being_read_says_what_became_of_it(trips, line):
    reading = trips.log()
    next(reading)
    trips.squash("master", line[2], line[6])
    with pytest.raises(store.CommitNotFound):
        next(reading)


def test_readers_see_the_old_line_or_the_new_one(data, trips, line):
    done, odd = threading.Event(), []

    def watch() -> None:
        while not done.is_set():
            head = trips.head()
            if model.of(head) != model.of(line[8]):
                odd.append(head)

    watcher = threading.Thread(target=watch)
    watcher.start()
    while trips.head().depth > 1:
        trips.squash("master", None, trips.commit("master.2"))
    done.set()
    watcher.join()
    assert odd == [] and trips.head().tree == line[8].tree
    assert_sound(data)
