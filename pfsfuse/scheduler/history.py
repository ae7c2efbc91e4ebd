"""What planning asks about commits, answered by a store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from pfsfuse.scheduler.arrivals import Arrival
from store import Commit, CommitId, Repo, Store


class StoreHistory:
    """A `plan.History`. What no longer exists has no commits: a deleted repo is no error.

    The heads of `branches` (repo, branch) are looked up at once, as of one moment, and stay what they were: commits
    that were made together are then seen together. All others are looked up when they are asked about.
    """

    def __init__(self, store: Store, branches: Iterable[tuple[str, str]] = ()) -> None:
        self._store = store
        self._heads = store.heads(branches)

    def head(self, repo: str, branch: str) -> Arrival | None:
        """The head of a branch, as if it had just arrived; None when the branch has none."""
        _, head = self._head(repo, branch)
        return None if head is None else _arrival(repo, branch, head)

    def arrivals(self, repo: str, branch: str, after: CommitId | None) -> Sequence[Arrival]:
        found, head = self._head(repo, branch)
        if found is None or head is None or head.id == after:
            return ()
        base = 0
        if after is not None:
            known = self._store.find_commit(repo, after)
            if known is None or known.depth > head.depth or found.at_depth(head, known.depth).id != after:
                return (_arrival(repo, branch, head, moved=True),)
            base = known.depth
        newest_first = islice(found.log(str(head.id)), head.depth - base)
        # What was made on another branch came with a move: the head stands for all of it.
        return [
            _arrival(repo, branch, commit, moved=commit.branch != branch)
            for commit in newest_first
            if commit.branch == branch or commit.id == head.id
        ][::-1]

    def on_branch(self, repo: str, branch: str, commit: CommitId) -> bool:
        found = self._store.find_commit(repo, commit)
        return found is not None and found.branch == branch and found.state == "finished"

    def at_time(self, repo: str, branch: str, time_ns: int, *, now_ns: int) -> CommitId | None:
        found, head = self._head(repo, branch)
        if found is None or head is None:
            return None
        commit = head if head.finished_ns > now_ns else found.at_time(head, time_ns)
        return None if commit is None else commit.id

    def has(self, repo: str, commit: CommitId) -> bool:
        return self._store.find_commit(repo, commit) is not None

    def _head(self, repo: str, branch: str) -> tuple[Repo | None, Commit | None]:
        found = self._store.find_repo(repo)
        if found is not None and (repo, branch) in self._heads:
            id = self._heads[repo, branch]
            return found, None if id is None else self._store.find_commit(repo, id)
        return found, None if found is None else found.find_head(branch)


def _arrival(repo: str, branch: str, commit: Commit, *, moved: bool = False) -> Arrival:
    return Arrival(repo, branch, commit.id, commit.finished_ns, moved)
