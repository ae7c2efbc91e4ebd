"""Merges, reverts and cherry-picks of real branches."""

from __future__ import annotations

import stat
import threading

import pytest

import store
from store.testing import model
from store.testing.invariants import assert_sound


def commit(repo: store.Repo, branch: str, message: str = "", **files: str | None) -> store.Commit:
    """A commit that writes each file (None: removes it); `__` stands for a slash."""
    with repo.edit(branch, message=message) as edit:
        for name, text in files.items():
            path = name.replace("__", "/")
            if text is None:
                edit.remove(path)
            else:
                edit.write(path, text.encode())
    assert edit.result is not None
    return edit.result


def texts(found: store.Commit | None) -> dict[str, str]:
    assert found is not None
    return {path.decode(): found.read(path).decode() for path, entry in found.walk() if entry.is_file}


@pytest.fixture
def parted(trips: store.Repo) -> store.Repo:
    """`master` and `dev`, each with one commit of its own after one in common."""
    trips.create_branch("dev", commit(trips, "master", a="1", b="1", d__x="1", d__y="1"))
    commit(trips, "master", a="ours")
    commit(trips, "dev", b="theirs", d__x="theirs", new__z="theirs")
    return trips


def test_a_merge_is_one_commit_that_names_theirs(data, parted):
    ours, theirs = parted.head(), parted.head("dev")
    done = parted.merge("master", theirs, message="bring dev", author="ada")
    assert done.changed and not done.conflicts and done.base == parted.commit("master.1")
    made = done.commit
    assert (made.parent, made.message, made.author) == (ours.id, "bring dev", "ada")
    assert made.provenance == (store.Provenance("trips", "dev", theirs.id),)
    assert texts(made) == {"a": "ours", "b": "theirs", "d/x": "theirs", "d/y": "1", "new/z": "theirs"}
    assert parted.head() == made and data.downstream("trips", theirs.id) == [("trips", made.id)]
    assert_sound(data)


def test_what_was_merged_is_not_merged_again(data, parted):
    parted.merge("master", parted.head("dev"))
    before = data.last_txnid()
    done = parted.merge("master", parted.head("dev"))
    assert not done.changed and done.commit == parted.head() and done.base == parted.head("dev")
    assert data.last_txnid() == before


def test_the_next_merge_starts_where_the_last_one_ended(parted):
    parted.merge("master", parted.head("dev"))
    commit(parted, "master", b="settled")
    commit(parted, "dev", d__y="later")
    done = parted.merge("master", parted.head("dev"))
    assert done.base == parted.commit("dev^") and not done.conflicts
    assert texts(done.commit)["b"] == "settled" and texts(done.commit)["d/y"] == "later"


def test_merging_back_takes_the_whole_merge(parted):
    parted.merge("master", parted.head("dev"))
    done = parted.merge("dev", parted.head())
    assert texts(done.commit) == texts(parted.head()) and not done.conflicts


def test_a_branch_that_is_only_behind_moves_without_a_commit(trips):
    trips.create_branch("dev", commit(trips, "master", a="1"))
    ahead = commit(trips, "dev", a="2")
    assert trips.merge("master", ahead) == store.Merge(ahead, True, trips.commit("dev^"))
    assert trips.head() == ahead
    trips.create_branch("empty")
    assert trips.merge("empty", ahead).changed and trips.head("empty") == ahead


def test_a_commit_can_be_asked_for_where_the_branch_could_move(trips):
    trips.create_branch("dev", commit(trips, "master", a="1"))
    ahead = commit(trips, "dev", a="2")
    done = trips.merge("master", ahead, message="release", fast_forward=False)
    assert (
        done.commit.id != ahead.id and done.commit.message == "release" and texts(done.commit) == {"a": "2"}
    )


def test_conflicts_are_answers_and_nothing_changes(data, parted):
    commit(parted, "master", b="ours", d__x=None)
    before = data.last_txnid(), parted.head()
    done = parted.merge("master", parted.head("dev"))
    assert [(each.path, each.kind) for each in done.conflicts] == [
        (b"b", "both modified"),
        (b"d/x", "deleted by ours"),
    ]
    assert not done.changed and done.commit == before[1]
    assert (data.last_txnid(), parted.head()) == before


def test_a_side_can_be_taken_path_by_path(parted):
    commit(parted, "master", b="ours", d__x=None)
    sides = {b"b": store.Side.OURS, b"d/x": store.Side.THEIRS}
    done = parted.merge("master", parted.head("dev"), resolve=lambda conflict: sides[conflict.path])
    assert texts(done.commit) == {"a": "ours", "b": "ours", "d/x": "theirs", "d/y": "1", "new/z": "theirs"}


def test_branches_without_a_commit_in_common_are_merged_on_nothing(trips):
    commit(trips, "master", a="1", both="same")
    commit(trips, "dev", b="2", both="same")
    done = trips.merge("master", trips.head("dev"))
    assert done.base is None and texts(done.commit) == {"a": "1", "b": "2", "both": "same"}


def test_modes_links_and_empty_directories_are_merged_too(trips):
    with trips.edit() as edit:
        edit.write("run", b"1")
        edit.mkdir("gone/deep")
        edit.mkdir("kept", mode=0o755)
        edit.write("kept/f", b"1")
    trips.create_branch("dev", edit.result)
    with trips.edit() as edit:
        edit.write("run", b"2")
        edit.write("kept/ours", b"1")
    with trips.edit("dev") as edit:
        edit.write("run", b"1", mode=0o755)
        edit.symlink("link", "run")
        edit.remove("gone")
        edit.mkdir("kept", mode=0o700)
        edit.mkdir("made")
    made = trips.merge("master", trips.head("dev")).commit
    assert model.of(made) == {
        b"run": model.File(b"2", 0o755),
        b"link": model.Link(b"run"),
        b"kept": {b"f": model.File(b"1"), b"ours": model.File(b"1")},
        b"made": {},
    }
    assert stat.S_IMODE(made.entry("kept").mode) == 0o700


@pytest.mark.parametrize("origin", ["pipeline", "user"])
def test_what_must_not_be_merged_is_refused(data, trips, origin):
    other = data.create_repo("other", origin=origin)
    with other.edit(origin=origin) as edit:
        edit.write("a", b"1")
    commit(trips, "master", a="1")
    with pytest.raises(store.Refused):
        other.merge("master", trips.head() if origin == "user" else edit.result)
    with pytest.raises(store.RefNotFound):
        trips.merge("nosuch", trips.head())


def test_a_failed_commit_is_not_merged(trips):
    commit(trips, "master", a="1")
    failed = trips.edit().fail("it did not work")
    with pytest.raises(store.Refused, match="failed"):
        trips.merge("master", failed)


def test_replaying_a_change_makes_it_elsewhere_and_backwards_undoes_it(trips):
    trips.create_branch("dev", commit(trips, "master", a="1", b="1"))
    commit(trips, "dev", a="2")
    picked = commit(trips, "dev", b="2", c="2")
    old, new = trips.commit("dev^").tree, picked.tree
    done = trips.replay("master", old, new, message="pick")
    assert done.changed and done.base is None and done.commit.provenance == ()
    assert texts(done.commit) == {"a": "1", "b": "2", "c": "2"}
    assert not trips.replay("master", old, new).changed, "the branch holds the change already"
    commit(trips, "master", a="3")
    assert texts(trips.replay("master", new, old).commit) == {"a": "3", "b": "1"}


def test_a_replay_that_meets_other_changes_is_a_conflict(trips):
    first = commit(trips, "master", a="1")
    second = commit(trips, "master", a="2", b="2")
    commit(trips, "master", a="3")
    done = trips.replay("master", second.tree, first.tree)
    assert [(each.path, each.kind) for each in done.conflicts] == [(b"a", "both modified")]
    assert trips.head().depth == 3


def test_an_edit_for_one_head_is_never_laid_over_another(trips):
    head = commit(trips, "master", a="1")
    edit = trips.edit(base=head)
    commit(trips, "master", a="2")
    with pytest.raises(store.HeadMoved), edit:
        edit.write("a", b"3")
    assert texts(trips.head()) == {"a": "2"}


def test_a_merge_loses_no_race(data, trips):
    trips.create_branch("dev", commit(trips, "master", a="0"))
    for number in range(20):
        commit(trips, "dev", **{f"dev{number}": "1"})

    def race() -> None:
        for number in range(20):
            commit(trips, "master", a=str(number), **{f"master{number}": "1"})

    thread = threading.Thread(target=race)
    thread.start()
    for number in range(2, 22):
        assert not trips.merge("master", trips.commit(f"dev.{number}"), fast_forward=False).conflicts
    thread.join()
    found = texts(trips.head())
    assert len(found) == 41 and found["a"] == "19"
    assert_sound(data)
