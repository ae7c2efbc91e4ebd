"""Commits, branches, and what moving and removing them does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from store import Commit, NotFound, Refused, Repo, RepoNotFound, Store, StoreError


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


def test_a_commit_that_failed_is_read_by_itself_and_the_next_is_built_on_the_one_before(repo: Repo) -> None:
    """Same: {f1}, failed, {f1, f3}. Different: what a failed commit would have held is not kept, only why it failed."""
    first = commit(repo, f1="1")
    edit = repo.edit("master")
    edit.write("f2", b"2")
    failed = edit.fail("no")
    third = commit(repo, f3="3")
    assert (failed.state, failed.reason) == ("failed", "no")
    assert repo.get(failed.id).state == "failed"
    assert names(third) == {b"f1", b"f3"}
    assert third.parent == first.id


def test_an_edit_that_is_open_keeps_nobody_from_committing(repo: Repo) -> None:
    """Different on purpose: an open commit there blocks its branch, and all that is downstream."""
    edit = repo.edit("master")
    edit.write("mine", b"1")
    commit(repo, theirs="2")
    with edit:
        pass
    assert edit.result is not None
    assert names(edit.result) == {b"mine", b"theirs"}


def test_commits_are_listed_newest_first(repo: Repo) -> None:
    """Same."""
    made = [commit(repo, file=str(number)) for number in range(10)]
    assert list(repo.log()) == made[::-1]
    assert list(islice(repo.log("master~2"), 3)) == made[7:4:-1]


def test_a_branch_made_at_a_commit_shares_its_past_and_leaves_the_other_alone(repo: Repo) -> None:
    """Same."""
    first = commit(repo, a="1")
    repo.create_branch("dev", first)
    second = commit(repo, "dev", b="2")
    assert (second.parent, repo.head("master")) == (first.id, first)


def test_a_deleted_branch_leaves_its_commits(repo: Repo) -> None:
    """Same."""
    made = commit(repo, "dev", a="1")
    repo.delete_branch("dev")
    assert repo.get(made.id) == made
    with pytest.raises(NotFound):
        repo.delete_branch("dev")


def test_a_branch_made_empty_has_no_commit(repo: Repo) -> None:
    """Different on purpose: no empty commit is made for it, so that `.1` is the first that somebody made."""
    repo.create_branch("empty")
    assert repo.head("empty") is None
    assert commit(repo, "empty", a="1").depth == 1


def test_a_branch_cannot_be_moved_to_a_commit_of_another_repo(shared: Store, repo: Repo) -> None:
    """Same."""
    other = shared.create_repo("other")
    strange = commit(other, a="1")
    head = commit(repo, a="1")
    with pytest.raises(StoreError):
        repo.advance("master", expect=head.id, to=strange.id)
    assert repo.head() == head
    shared.delete_repo("other")


def test_a_branch_cannot_be_moved_to_a_commit_that_failed(repo: Repo) -> None:
    """Same, of a forgotten one."""
    head = commit(repo, a="1")
    failed = repo.edit("master").fail("no")
    with pytest.raises(Refused):
        repo.advance("master", expect=head.id, to=failed.id)


def test_repos_changed_together_share_an_id(shared: Store, repo: Repo) -> None:
    """Same: a commit set."""
    other = shared.create_repo("together")
    with shared.edit_together("history", "together") as edits:
        for edit in edits:
            edit.write("file", b"1")
    one, two = repo.head(), other.head()
    assert one is not None and two is not None and one.id == two.id
    assert {each.repo for each in shared.commit_set(one.id)} == {"history", "together"}
    shared.delete_repo("together")


def test_the_repo_is_looked_for_first(shared: Store) -> None:
    """Same."""
    with pytest.raises(RepoNotFound):
        shared.repo("nowhere")
