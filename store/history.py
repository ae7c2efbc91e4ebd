"""Ancestry: any ancestor of a commit in O(log depth) steps, without a table.

Each commit names its parent and one ancestor further back, its *jump*. How far back depends on its depth alone: write
depth - 1 in skew binary (as a greedy sum of terms 2^k - 1); the jump leaves out the smallest term. From any
commit, taking the jump whenever it does not go too far, and the parent otherwise, reaches any ancestor in at
most about 3 log2(n) steps. Source: E. W. Myers, "An applicative random-access stack", Information Processing
Letters 17(5), 1983.

Pure over "give me a commit".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from store.ids import CommitId
from store.records import CommitRecord

Load = Callable[[CommitId], CommitRecord]


def jump_depth(depth: int) -> int:
    """The depth of the jump of a commit at `depth` (at least 2)."""
    rest = depth - 1
    while True:
        term = (1 << (rest + 1).bit_length() - 1) - 1
        if rest == term:
            return depth - term
        rest -= term


def jump_of(load: Load, parent: CommitRecord) -> CommitId:
    """The jump that a child of `parent` must carry."""
    return at_depth(load, parent, jump_depth(parent.depth + 1)).id


def at_depth(load: Load, commit: CommitRecord, depth: int) -> CommitRecord:
    """The ancestor of `commit` (itself included) at `depth`, which lies between 1 and the commit's own."""
    while commit.depth > depth:
        far = commit.jump is not None and jump_depth(commit.depth) >= depth
        step = commit.jump if far else commit.parent
        assert step is not None, "a commit deeper than 1 has a parent"
        commit = load(step)
    return commit


def at_time(load: Load, commit: CommitRecord, time_ns: int) -> CommitRecord | None:
    """The last ancestor of `commit` (itself included) finished at or before `time_ns`; None if all are later."""
    while commit.finished_ns > time_ns:
        if commit.parent is None:
            return None
        jump = load(commit.jump) if commit.jump is not None else None
        commit = jump if jump is not None and jump.finished_ns > time_ns else load(commit.parent)
    return commit


def iter_back(load: Load, commit: CommitRecord) -> Iterator[CommitRecord]:
    """The commit and its ancestors, newest first."""
    while True:
        yield commit
        if commit.parent is None:
            return
        commit = load(commit.parent)


def is_ancestor(load: Load, old: CommitRecord, new: CommitRecord) -> bool:
    """Whether `old` is `new` or in its ancestry."""
    return old.depth <= new.depth and at_depth(load, new, old.depth).id == old.id
