"""What must be true of a store, from what its writers acknowledged.

Each repo but `shared` has one writer. So every ref of it is where the last acknowledgement left it, or, where a change
was announced and not acknowledged, where exactly this change puts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import store
from store.ids import CommitId
from store.store import Store
from store.testing.crash.work import SHARED, Done, Try, contents

Refs = dict[str, str | None]


@dataclass(slots=True)
class Ledger:
    """All that the writers of one store have acknowledged."""

    refs: dict[str, Refs] = field(default_factory=dict)
    """By repo: branches and tags, and the commit (hex) each points to."""
    written: dict[tuple[str, str], Done] = field(default_factory=dict)
    """By repo and commit (hex): what the commit must hold."""
    fresh: set[tuple[str, str]] = field(default_factory=set)
    """Those whose files nobody has compared yet."""
    open: dict[str, Try] = field(default_factory=dict)
    """By writer: announced, not acknowledged."""
    acknowledged: int = 0

    def hear(self, writer: str, message: Try | Done) -> None:
        """Enter what a writer says."""
        if isinstance(message, Try):
            self.open[writer] = message
            return
        change = self.open.pop(writer)
        self.acknowledged += 1
        if change.what == "make":
            self.refs[change.repo] = {"master": None}
        elif change.what == "delete":
            self._forget(change.repo)
        else:
            self.refs[change.repo][change.ref] = message.commit
            made = change.repo, message.commit
            self.written.setdefault(made, message)
            self.fresh.add(made)

    def _forget(self, repo: str) -> None:
        self.refs.pop(repo, None)
        self.written = {made: what for made, what in self.written.items() if made[0] != repo}
        self.fresh &= self.written.keys()

    def settle(self, data: Store) -> None:
        """Compare with what is there, when all writers are dead; what was open is decided afterwards.

        Raises AssertionError naming what was lost.
        """
        for change in self.open.values():
            self._decide(data, change)
        self.open.clear()
        found = {repo.name: _refs(repo) for repo in data.repos()}
        line = {str(commit.id) for commit in data.repo(SHARED).log()}
        lost = [commit for repo, commit in self.written if repo == SHARED and commit not in line]
        assert not lost, f"acknowledged, and not in {SHARED}@master: {lost}"
        ours = {repo: refs for repo, refs in self.refs.items() if repo != SHARED}
        theirs = {repo: refs for repo, refs in found.items() if repo != SHARED}
        assert theirs == ours, f"refs differ: expected {ours}, found {theirs}"

    def _decide(self, data: Store, change: Try) -> None:
        """Take an announced change into the books if it happened, whole as it must be."""
        repo = data.find_repo(change.repo)
        if change.what == "make" and repo is not None:
            self.refs.setdefault(change.repo, {"master": None})
        elif change.what == "delete" and repo is None:
            self._forget(change.repo)
        elif repo is not None and change.repo != SHARED and change.ref:
            old, new = self.refs[change.repo].get(change.ref), _refs(repo).get(change.ref)
            if new != old and new is not None:
                parent = repo.get(CommitId.parse(new)).parent
                assert new == change.target or (parent and str(parent)) == old, f"{change} left {new}"
                self.refs[change.repo][change.ref] = new

    def compare(self, data: Store, commits: Iterable[tuple[str, str]]) -> None:
        """Read the files of these commits. Raises AssertionError, or what the store raises."""
        for repo, commit in commits:
            made, what = data.commit(repo, CommitId.parse(commit)), self.written[repo, commit]
            if what.below:
                names = [entry.name.decode() for entry in made.list(what.below)]
                found = contents({name: made.read(f"{what.below}/{name}") for name in names})
                assert found == what.sha256, f"{repo}@{commit} holds other bytes"


def _refs(repo: store.Repo) -> Refs:
    refs: Refs = {
        branch.name: None if branch.head is None else str(branch.head) for branch in repo.branches()
    }
    return refs | {tag.name: str(tag.commit) for tag in repo.tags()}
