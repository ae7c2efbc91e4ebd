"""Commits and branches: how they come about, and what moving and removing them does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from rows import row

from pfsfuse.cli.history.log import after
from store import (
    Commit,
    CommitNotFound,
    InUse,
    NotFound,
    Provenance,
    Refused,
    Repo,
    RepoNotFound,
    Store,
    StoreError,
)


def commit(repo: Repo, branch: str = "master", **files: str) -> Commit:
    with repo.edit(branch, allow_empty=True) as edit:
        for path, text in files.items():
            edit.write(path, text.encode())
    assert edit.result is not None
    return edit.result


def names(commit: Commit) -> set[bytes]:
    return {entry.name for entry in commit.list()}


@pytest.fixture
def repo(shared: Store) -> Iterator[Repo]:
    yield shared.create_repo("history")
    shared.delete_repo("history")


# ---- commits


@row(
    "a commit that failed is read by itself; the next is built on the one before",
    "so it is, but what a failed commit would have held is not kept, only why it failed",
)
def test_a_commit_that_failed_is_read_by_itself_and_the_next_is_built_on_the_one_before(repo: Repo) -> None:
    first = commit(repo, f1="1")
    edit = repo.edit("master")
    edit.write("f2", b"2")
    failed = edit.fail("no")
    third = commit(repo, f3="3")
    assert (failed.state, failed.reason) == ("failed", "no")
    assert repo.get(failed.id).state == "failed"
    assert names(third) == {b"f1", b"f3"}
    assert third.parent == first.id


@row(
    "a second commit cannot be started while one is open",
    "edits and drafts block nobody: what is later goes on top",
)
def test_an_edit_that_is_open_keeps_nobody_from_committing(repo: Repo) -> None:
    edit = repo.edit("master")
    edit.write("mine", b"1")
    commit(repo, theirs="2")
    with edit:
        pass
    assert edit.result is not None
    assert names(edit.result) == {b"mine", b"theirs"}


@row("an open commit is read as its parent with what has been written so far")
@row("an open commit has an id", "a draft has none: there is one for each branch, by the branch's name")
@row("what an open commit holds can be cleared")
def test_a_draft_is_read_and_dropped(repo: Repo) -> None:
    head = commit(repo, a="1")
    with repo.stage() as staged:
        staged.write("b", b"2")
    draft = repo.find_draft()
    assert draft is not None and {entry.name for entry in draft.list()} == {b"a", b"b"}
    assert draft.base == head.id and repo.head() == head
    repo.drop_draft()
    assert repo.find_draft() is None


@row(
    "a commit is started, ready, finishing, finished", "it is finished as soon as it exists, or it has failed"
)
@row("a commit has a message, and says who made it: a user, or a pipeline")
def test_what_a_commit_says_of_itself(repo: Repo) -> None:
    with repo.edit(message="31 July", author="ada") as edit:
        edit.write("a", b"1")
    made = edit.result
    assert made is not None
    assert (made.state, made.message, made.author, made.origin) == ("finished", "31 July", "ada", "user")
    with repo.edit("computed", origin="pipeline") as edit:
        edit.write("a", b"1")
    assert edit.result is not None and edit.result.origin == "pipeline"


@row("commits are listed newest first; a list ends after a number, and before a commit that it begins after")
def test_commits_are_listed_newest_first(repo: Repo) -> None:
    made = [commit(repo, file=str(number)) for number in range(10)]
    assert list(repo.log()) == made[::-1]
    assert list(islice(repo.log("master~2"), 3)) == made[7:4:-1]
    assert list(after(repo, made[4], repo.log())) == made[:4:-1]


@row(
    "a program is given the commits of a branch as they come",
    "it looks when something was written: `last_txnid` tells",
)
def test_a_program_sees_that_something_was_written(shared: Store, repo: Repo) -> None:
    first = commit(repo, a="1")
    seen = shared.last_txnid()
    assert shared.last_txnid() == seen
    made = [commit(repo, a=str(number)) for number in (2, 3)]
    assert shared.last_txnid() > seen
    assert list(after(repo, first, repo.log()))[::-1] == made


# ---- several repos


@row("commits of several repos that are made together have one id")
@row(
    "a transaction has no files in it: they are put into its open commits",
    "what is put is part of it: whoever reads sees all of the commits, or none",
)
def test_repos_changed_together_share_an_id(shared: Store, repo: Repo) -> None:
    other = shared.create_repo("together")
    with shared.edit_together("history", "together") as edits:
        for edit in edits:
            edit.write("file", b"1")
    one, two = repo.head(), other.head()
    assert one is not None and two is not None and one.id == two.id
    assert {each.repo for each in shared.commit_set(one.id)} == {"history", "together"}
    shared.delete_repo("together")


@row("two commits of one repo are not made together")
def test_two_branches_of_a_repo_are_not_changed_together(shared: Store, repo: Repo) -> None:
    with pytest.raises(Refused):
        shared.edit_together("history@master", "history@dev")


@row("the repo is looked for first")
def test_the_repo_is_looked_for_first(shared: Store) -> None:
    with pytest.raises(RepoNotFound):
        shared.repo("nowhere")


@row("a repo that exists is not made again")
def test_a_repo_that_exists_is_not_made_again(shared: Store, repo: Repo) -> None:
    with pytest.raises(StoreError):
        shared.create_repo("history")


# ---- branches


@row("a branch made at a commit shares its past, and leaves the other alone")
def test_a_branch_made_at_a_commit_shares_its_past_and_leaves_the_other_alone(repo: Repo) -> None:
    first = commit(repo, a="1")
    repo.create_branch("dev", first)
    second = commit(repo, "dev", b="2")
    assert (second.parent, repo.head("master")) == (first.id, first)


@row(
    "`create branch --head` moves a branch that exists",
    "`pfs branch move` does; creating what exists is an error",
)
@row("moving a branch makes no commit on it")
def test_a_branch_is_moved_without_a_commit(repo: Repo) -> None:
    first, second = commit(repo, a="1"), commit(repo, a="2")
    with pytest.raises(StoreError):
        repo.create_branch("master", first)
    repo.advance("master", expect=second.id, to=first.id)
    assert repo.head() == first and repo.get(second.id) == second


@row("a deleted branch leaves its commits; one that is not there cannot be deleted")
@row("the branch `master` can be deleted", "the default branch stays, so that a repo alone always names one")
def test_a_deleted_branch_leaves_its_commits(repo: Repo) -> None:
    made = commit(repo, "dev", a="1")
    repo.delete_branch("dev")
    assert repo.get(made.id) == made
    with pytest.raises(NotFound):
        repo.delete_branch("dev")
    with pytest.raises(InUse):
        repo.delete_branch("master")


@row(
    "a branch without a head gets an empty commit, which is `.1`",
    "it has no commit, so that `.1` is the first that somebody made",
)
def test_a_branch_made_empty_has_no_commit(repo: Repo) -> None:
    repo.create_branch("empty")
    assert repo.head("empty") is None
    assert commit(repo, "empty", a="1").depth == 1


@row("a branch cannot be moved to a commit of another repo")
def test_a_branch_cannot_be_moved_to_a_commit_of_another_repo(shared: Store, repo: Repo) -> None:
    other = shared.create_repo("other")
    strange = commit(other, a="1")
    head = commit(repo, a="1")
    with pytest.raises(StoreError):
        repo.advance("master", expect=head.id, to=strange.id)
    assert repo.head() == head
    shared.delete_repo("other")


@row(
    "a commit that failed is the head of its branch",
    "no branch points to one: a head is good data",
)
def test_a_branch_cannot_be_moved_to_a_commit_that_failed(repo: Repo) -> None:
    head = commit(repo, a="1")
    failed = repo.edit("master").fail("no")
    with pytest.raises(Refused):
        repo.advance("master", expect=head.id, to=failed.id)


# ---- removing


@row("squashing a commit removes it, and its data stays in its child")
@row("a commit without a child is not squashed")
@row(
    "what follows a squashed commit keeps its id",
    "it gets a new one: an id stands for a tree and all that came before it",
)
def test_a_squash_keeps_what_the_child_holds(repo: Repo) -> None:
    first, second, third = (commit(repo, **{name: "1"}) for name in "abc")
    with pytest.raises(Refused):
        repo.squash("master", second, third)
    done = repo.squash("master", None, second)
    assert names(done.made) == {b"a", b"b"} and names(done.head) == {b"a", b"b", b"c"}
    assert done.head.id != third.id
    with pytest.raises(CommitNotFound):
        repo.get(first.id)


@row(
    "a commit that others were computed from is not squashed",
    "nor here; with `--keep` it stays, to be read by its id",
)
def test_what_results_were_computed_from_is_not_squashed(shared: Store, repo: Repo) -> None:
    first, second = commit(repo, a="1"), commit(repo, b="2")
    output = shared.create_repo("output")
    with output.edit(provenance=[Provenance("history", "master", first.id)], allow_empty=True):
        pass
    with pytest.raises(InUse):
        repo.squash("master", None, second)
    repo.squash("master", None, second, keep=True)
    assert repo.get(first.id) == first
    shared.delete_repo("output")


@row("dropping the newest commit removes its data, and moves the branch to its parent")
@row("a commit that is followed, or from which others were computed, is not dropped")
def test_the_newest_commit_is_dropped(shared: Store, repo: Repo) -> None:
    first, second, third = (commit(repo, **{name: "1"}) for name in "abc")
    with pytest.raises(InUse):
        repo.drop(second)
    repo.drop(third)
    assert repo.head() == second and names(commit(repo, c="3")) == {b"a", b"b", b"c"}
    with pytest.raises(CommitNotFound):
        repo.get(third.id)
    output = shared.create_repo("output")
    with output.edit(provenance=[Provenance("history", "master", repo.commit().id)], allow_empty=True):
        pass
    with pytest.raises(InUse):
        repo.drop(repo.commit(), first)
    shared.delete_repo("output")


@row(
    "with `--recursive`, what was computed from a commit is dropped with it",
    "results go with their pipeline, not one by one",
)
def test_results_are_not_dropped(shared: Store) -> None:
    output = shared.create_repo("results", origin="pipeline")
    with output.edit(origin="pipeline", allow_empty=True) as edit:
        pass
    assert edit.result is not None
    with pytest.raises(InUse):
        output.drop(edit.result)
    shared.delete_repo("results")


@row("dropping the only commit leaves the branch, with an empty commit", "it leaves the branch without one")
def test_the_only_commit_is_dropped(repo: Repo) -> None:
    done = repo.drop(commit(repo, a="1"))
    assert done.moved == ("master",) and repo.head() is None
    assert commit(repo, b="2").depth == 1


@row(
    "forgetting a commit of results removes its data, and leaves its record",
    "there is no such thing: results stay, and what they share with others takes no space",
)
def test_results_that_are_alike_take_no_space(shared: Store, repo: Repo) -> None:
    data = bytes(range(256)) * 4096
    with repo.edit() as edit:
        edit.write("a", data)
    with repo.edit() as edit:
        edit.write("a", data)
        edit.write("copy", data)
    assert edit.stored < 4096
