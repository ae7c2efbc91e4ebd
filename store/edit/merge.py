"""A merge before it is carried out: what it would change, and what it cannot decide."""

from __future__ import annotations

import msgspec

from store.commit import Commit
from store.edit.tree import TreeEdit
from store.records import Change, Entry, PathConflict
from store.tree import Resolve
from store.trees import Trees


class Merge(msgspec.Struct, frozen=True):
    """How a merge, a revert or a cherry-pick ended."""

    commit: Commit | None
    """The branch's head afterwards; None: it has no commit."""
    changed: bool
    """Whether the branch moved. With conflicts it never does."""
    base: Commit | None
    """What both sides were compared with; None: they share no commit."""
    conflicts: tuple[PathConflict, ...] = ()
    """What no side was taken in, in the order of paths."""


class Plan(msgspec.Struct, frozen=True):
    """What turns ours into the merge."""

    changes: tuple[Change, ...]
    conflicts: tuple[PathConflict, ...]

    def apply(self, edit: TreeEdit) -> None:
        """Carry the changes out on top of ours. A whole directory is one step."""
        for change in self.changes:
            old, new = change.old, change.new
            if new is None:
                edit.remove(change.path)
            elif old is not None and old.is_dir and new.is_dir and old.content == new.content:
                edit.mkdir(change.path, mode=new.mode)
            else:
                edit.graft(change.path, new)


def plan(
    trees: Trees, base: Entry | None, ours: Entry | None, theirs: Entry | None, resolve: Resolve
) -> Plan:
    """The merge of three directories, written down; changes nothing."""
    changes: list[Change] = []
    conflicts: list[PathConflict] = []
    for answer in trees.merge(base, ours, theirs, resolve):
        if isinstance(answer, Change):
            changes.append(answer)
        else:
            conflicts.append(answer)
    return Plan(tuple(changes), tuple(conflicts))
