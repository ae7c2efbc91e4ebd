"""What is staged for a branch: kept, added to, taken back, and committed on whatever the branch is by then."""

from __future__ import annotations

import pytest

import store
from store.testing.invariants import assert_sound


def commit(repo: store.Repo, branch: str = "master", **files: str | None) -> store.Commit:
    with repo.edit(branch) as edit:
        change(edit, files)
    assert edit.result is not None
    return edit.result


def stage(repo: store.Repo, branch: str = "master", **files: str | None) -> store.Draft | None:
    with repo.stage(branch) as staged:
        change(staged, files)
    return staged.result


def change(edit: store.TreeEdit, files: dict[str, str | None]) -> None:
    """Write each file (None: remove it); `__` stands for a slash."""
    for name, text in files.items():
        path = name.replace("__", "/")
        if text is None:
            edit.remove(path)
        else:
            edit.write(path, text.encode())


def texts(found: store.Commit | store.Draft | None) -> dict[str, str]:
    assert found is not None
    return {path.decode(): found.read(path).decode() for path, entry in found.walk() if entry.is_file}


def test_what_is_staged_is_no_commit_until_it_is_committed(data, trips):
    first = commit(trips, a="1")
    draft = stage(trips, b="2")
    assert trips.head() == first and texts(draft) == {"a": "1", "b": "2"}
    assert draft.base == first.id and trips.find_draft() == draft == data.drafts()[0]
    done = trips.commit_draft(message="both", author="ada")
    assert done.changed and (done.commit.parent, done.commit.message, done.commit.author) == (
        first.id,
        "both",
        "ada",
    )
    assert texts(trips.head()) == {"a": "1", "b": "2"}
    assert trips.find_draft() is None and data.drafts() == []
    assert_sound(data)


def test_what_is_staged_later_is_added(trips):
    commit(trips, a="1", d__x="1")
    stage(trips, b="2")
    stage(trips, d__x=None, c="3")
    assert texts(trips.find_draft()) == {"a": "1", "b": "2", "c": "3"}
    assert trips.commit_draft().commit.depth == 2


def test_a_draft_survives_its_process_and_a_collection(data, tmp_path, trips):
    with trips.stage() as staged:
        staged.write("large", bytes(range(256)) * 2_000)
    data.sweep(data.plan_gc())
    data.close()
    with store.open(tmp_path / "data") as again:
        draft = again.repo("trips").find_draft()
        assert draft == staged.result and draft.read("large") == bytes(range(256)) * 2_000
        assert_sound(again)


def test_a_branch_without_commits_has_drafts_too(trips):
    assert stage(trips, a="1").base is None
    assert texts(trips.commit_draft().commit) == {"a": "1"} and trips.head().depth == 1
    assert stage(trips, "new", b="1").branch == "new" and trips.find_branch("new") is None
    assert trips.commit_draft("new").commit.branch == "new"


def test_nothing_staged_is_no_draft_and_no_commit(data, trips):
    head = commit(trips, a="1")
    before = data.last_txnid()
    assert stage(trips, a="1") is None
    with trips.stage():
        pass
    done = trips.commit_draft()
    assert (done.commit, done.changed) == (head, False) and data.last_txnid() == before


def test_staging_back_what_was_there_takes_the_draft_away(trips):
    commit(trips, a="1")
    old = trips.head().entry("a")
    stage(trips, a="2")
    with trips.stage() as staged:
        staged.graft("a", old)
    assert staged.result is None and staged.changed and trips.find_draft() is None


def test_what_is_raised_in_the_block_stages_nothing(trips):
    staged = trips.stage()
    staged.write("a", b"")
    staged.__exit__(KeyError, KeyError(), None)
    assert trips.find_draft() is None


# heads that moved


def test_a_head_that_moved_is_merged_with(data, trips):
    commit(trips, a="1", b="1")
    stage(trips, a="staged", new="staged")
    theirs = commit(trips, b="2")
    done = trips.commit_draft()
    assert done.commit.parent == theirs.id and done.base == trips.commit("master.1")
    assert texts(done.commit) == {"a": "staged", "b": "2", "new": "staged"}
    assert done.commit.provenance == () and trips.find_draft() is None
    assert_sound(data)


def test_a_path_that_both_changed_is_a_conflict_and_nothing_changes(data, trips):
    commit(trips, a="1", b="1")
    stage(trips, a="staged", b=None, c="staged")
    head = commit(trips, a="2", b="2")
    before = data.last_txnid()
    done = trips.commit_draft()
    assert [(each.path, each.kind) for each in done.conflicts] == [
        (b"a", "both modified"),
        (b"b", "deleted by theirs"),
    ]
    assert (done.changed, done.commit, trips.head()) == (False, head, head)
    assert data.last_txnid() == before and texts(trips.find_draft()) == {"a": "staged", "c": "staged"}


def test_a_side_settles_a_conflict(trips):
    commit(trips, a="1", b="1")
    stage(trips, a="staged", b="staged")
    commit(trips, a="2", b="2")
    sides = {b"a": store.Side.OURS, b"b": store.Side.THEIRS}
    done = trips.commit_draft(resolve=lambda conflict: sides[conflict.path])
    assert texts(done.commit) == {"a": "2", "b": "staged"}


def test_what_somebody_else_committed_already_makes_no_second_commit(trips):
    commit(trips, a="1")
    stage(trips, a="2")
    head = commit(trips, a="2")
    done = trips.commit_draft()
    assert (done.commit, done.changed) == (head, False) and trips.find_draft() is None


def test_the_head_moving_on_leaves_the_draft_where_it_was(trips):
    commit(trips, a="1")
    draft = stage(trips, b="1")
    commit(trips, c="1")
    assert trips.find_draft() == draft
    assert texts(stage(trips, d="1")) == {"a": "1", "b": "1", "d": "1"}
    assert trips.find_draft().base == draft.base


# races


def test_two_stages_at_once_are_both_staged(trips):
    with trips.stage() as one:
        one.write("one", b"1")
        stage(trips, two="2")
    assert texts(trips.find_draft()) == {"one": "1", "two": "2"}


def test_a_stage_that_meets_a_commit_of_the_draft_goes_on_from_it(trips):
    stage(trips, a="1")
    with trips.stage() as late:
        late.write("late", b"1")
        trips.commit_draft()
    draft = trips.find_draft()
    assert draft.base == trips.head().id and texts(draft) == {"a": "1", "late": "1"}


def test_a_stage_that_meets_a_commit_stands_on_the_new_head(trips):
    with trips.stage() as late:
        late.write("late", b"1")
        head = commit(trips, a="1")
    assert late.result.base == head.id and texts(late.result) == {"a": "1", "late": "1"}


def test_a_stage_made_on_one_base_stands_on_no_other(trips):
    head, draft = commit(trips, a="1"), stage(trips, b="1")
    stage(trips, c="1")
    with pytest.raises(store.DraftMoved), trips.stage(base=draft):
        pass
    with pytest.raises(store.DraftMoved), trips.stage(base=head):
        pass
    late = trips.stage(base=trips.find_draft())
    late.write("d", b"1")
    stage(trips, e="1")
    with pytest.raises(store.DraftMoved), late:
        pass
    trips.drop_draft()
    commit(trips, a="2")
    with pytest.raises(store.HeadMoved), trips.stage(base=head):
        pass
    assert trips.find_draft() is None


STAGER = """
import sys, store
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with store.open(path) as data:
    print("ready", flush=True)
    sys.stdin.readline()
    trips = data.repo("trips")
    for number in range(count):
        with trips.stage() as staged:
            staged.write(f"{name}/{number}", f"{name} {number}".encode())
        if number % 7 == 3:
            done = trips.commit_draft(message=name)
            assert not done.conflicts, done.conflicts
"""


def test_stagers_and_committers_in_two_processes_lose_nothing(data, trips, race):
    race(STAGER, 40)
    trips.commit_draft()
    assert texts(trips.head()) == {f"{n}/{i}": f"{n} {i}" for n in ("ada", "bob") for i in range(40)}
    assert_sound(data)


# taking back


def test_a_path_is_taken_out_of_the_draft_and_the_rest_stays(trips):
    commit(trips, a="1", b="1", d__x="1", d__y="1")
    stage(trips, a="2", b=None, c="2", d__x="2", d__y=None)
    assert texts(trips.restore(["a"])) == {"a": "1", "c": "2", "d/x": "2"}
    assert texts(trips.restore(["b", b"c"])) == {"a": "1", "b": "1", "d/x": "2"}
    assert texts(trips.restore(["d/y"])) == {"a": "1", "b": "1", "d/x": "2", "d/y": "1"}
    assert trips.restore(["d"]) is None and trips.find_draft() is None


def test_a_file_comes_back_with_the_directories_above_it(trips):
    commit(trips, d__e__x="1", d__e__y="1", b="1")
    stage(trips, d=None)
    draft = trips.restore(["d/e/x"])
    assert texts(draft) == {"d/e/x": "1", "b": "1"}
    assert draft.entry("d/e").mtime_ns == trips.head().entry("d/e").mtime_ns
    assert trips.restore(["d/e/y"]) is None


def test_a_directory_that_came_with_a_file_goes_with_it(trips):
    commit(trips, a="1")
    stage(trips, n__m__x="1", n__m__y="1", n__z="1")
    assert texts(trips.restore(["n/m/x"])) == {"a": "1", "n/m/y": "1", "n/z": "1"}
    draft = trips.restore(["n/m/y"])
    assert [path for path, _ in draft.walk()] == [b"a", b"n", b"n/z"]
    assert trips.restore(["n/z"]) is None


def test_all_of_it_is_taken_back_by_the_root(trips):
    head = commit(trips, a="1")
    stage(trips, a="2", b="1")
    assert trips.restore([""]) is None and trips.find_draft() is None and trips.head() == head


def test_what_was_never_there_cannot_be_taken_back(trips):
    commit(trips, a="1")
    draft = stage(trips, b="1")
    with pytest.raises(store.PathNotFound):
        trips.restore(["b", "nowhere"])
    assert trips.find_draft() == draft
    assert trips.restore(["a"]) == draft


def test_a_draft_is_forgotten(trips):
    stage(trips, a="1")
    assert trips.drop_draft() and not trips.drop_draft() and trips.find_draft() is None


def test_a_draft_to_which_more_was_added_is_not_forgotten(trips):
    seen = stage(trips, a="1")
    stage(trips, b="1")
    with pytest.raises(store.DraftMoved):
        trips.drop_draft(draft=seen)
    assert texts(trips.find_draft()) == {"a": "1", "b": "1"}


# the surroundings


def test_a_branch_with_a_draft_is_not_deleted_and_a_repo_takes_its_drafts_along(data, trips):
    commit(trips, "dev", a="1")
    stage(trips, "dev", b="1")
    with pytest.raises(store.InUse, match="draft"):
        trips.delete_branch("dev")
    data.delete_repo("trips")
    assert data.drafts() == []
    assert_sound(data)


def test_a_draft_is_of_one_repo_and_one_branch(data, trips):
    stage(trips, "dev", a="1")
    stage(data.create_repo("trips-2"), "dev", a="1")
    assert trips.find_draft() is None and [draft.branch for draft in trips.drafts()] == ["dev"]
    assert [(draft.repo, draft.branch) for draft in data.drafts()] == [("trips-2", "dev"), ("trips", "dev")]


def test_names_are_checked(data, trips):
    with pytest.raises(store.BadName):
        trips.stage("no/branch")
    trips.create_tag("v1", commit(trips, a="1"))
    with pytest.raises(store.Exists), trips.stage("v1") as staged:
        staged.write("b", b"1")
    with pytest.raises(store.InUse):
        data.create_repo("sales", origin="pipeline").stage()
