"""Joining commits again whose ancestors are gone, or are not what they were."""

from __future__ import annotations

from dataclasses import replace

from store import history
from store.format import commit as commits
from store.ids import CommitId
from store.records import CommitRecord, Entry


class Line:
    """The commits of one repo that were kept so far, each after its ancestors."""

    def __init__(self) -> None:
        self._kept: dict[CommitId, CommitRecord] = {}
        self._renamed: dict[CommitId, CommitId] = {}

    def find(self, commit: CommitId) -> CommitRecord | None:
        """What was kept of the commit that had this id."""
        return self._kept.get(self._renamed.get(commit, commit))

    def last_on(self, branch: str) -> CommitRecord | None:
        """The last commit that was made on the branch, and did not fail."""
        made = (each for each in self._kept.values() if each.branch == branch and each.state == "finished")
        return max(made, key=lambda each: each.finished_ns, default=None)

    def add(self, record: CommitRecord, tree: Entry) -> CommitRecord:
        """Keep the commit, with this tree.

        It keeps its id when the tree is the one it had. Its parent is what was kept of the one it had, or else of the
        ancestor that it jumps to; without either it is a root.
        """
        parent = None
        for ancestor in (record.parent, record.jump):
            if parent is None and ancestor is not None:
                parent = self.find(ancestor)
        commit = record.id if tree == record.tree else CommitId.new()
        kept = replace(
            record,
            id=commit,
            tree=tree,
            depth=1 if parent is None else parent.depth + 1,
            parent=None if parent is None else parent.id,
            jump=None if parent is None else history.jump_of(self._kept.__getitem__, parent),
            digest=b"",
        )
        kept = replace(kept, digest=commits.chained(kept, b"" if parent is None else parent.digest))
        self._kept[commit], self._renamed[record.id] = kept, commit
        return kept
