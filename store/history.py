"""Ancestry: any ancestor of a commit in O(log depth) steps, without a table.

Each commit names its parent and one ancestor further back, its *jump*. How far back depends on its depth alone: write
depth - 1 in skew binary (as a greedy sum of terms 2^k - 1); the jump leaves out the smallest term. From any
commit, taking the jump whenever it does not go too far, and the parent otherwise, reaches any ancestor in at
most about 3 log2(n) steps. Source: E. W. Myers, "An applicative random-access stack", Information Processing
Letters 17(5), 1983.

A commit has one parent. What a merge brought in stands in the provenance of its commit: a commit of the same repo in
the provenance of a commit that a person made. `merge_base` follows both.

Pure over "give me a commit".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

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


def merged(commit: CommitRecord) -> tuple[CommitId, ...]:
    """The commits that `commit` merged into its parent's line."""
    if commit.origin != "user":
        return ()  # a service may read the repo that it writes; that merges nothing
    return tuple(source.commit for source in commit.provenance if source.repo == commit.repo)


def merge_base(load: Load, ours: CommitRecord, theirs: CommitRecord) -> CommitRecord | None:
    r"""The latest commit that both lines already hold: what a merge compares both sides with. None: they share none.

    Without merges that is the commit where the lines part; with them, what was merged last:

        A - B - C - M - G    master        master merged dev at E (M): for G and F the base is E, not B,
             \     /                       whichever of the two is merged into the other. Otherwise what D
              D - E - F      dev           and E did, and what M made of it, would be looked at again.

        A - B - C            master        dev merged master at C (N): for C and F the base is C, which is
             \   \                         all of ours: the merge takes everything from F.
              D - N - F      dev

    Where each merged the other and neither merge knew of the other one, several commits qualify; the one that
    finished last is taken, and what the other would have settled may come up as a conflict again.

    O(log depth) when one side is in the other's ancestry; otherwise looks at the commits since the lines parted.
    """
    for old, new in ((ours, theirs), (theirs, ours)):
        if is_ancestor(load, old, new):
            return old
    # Both sides' commits, the latest first, marked with who reaches them. What both reach is an answer; what lies
    # before an answer is no better one, and when only such commits are left, nothing better can come.
    from_ours, from_theirs, stale = 1, 2, 4
    marks = {ours.id: from_ours, theirs.id: from_theirs}
    queue: list[tuple[int, CommitId]] = []
    for start in (ours, theirs):
        heappush(queue, (-start.finished_ns, start.id))
    fresh = set(marks)  # in the queue, and not known to lie before an answer
    found: dict[CommitId, CommitRecord] = {}
    while fresh:
        _, name = heappop(queue)
        commit, mark = load(name), marks[name]
        fresh.discard(name)
        if mark == from_ours | from_theirs:
            found[name] = commit
            mark |= stale
        for source in (*merged(commit), *((commit.parent,) if commit.parent is not None else ())):
            known = marks.get(source, 0)
            if known | mark == known:
                continue
            marks[source] = known | mark
            heappush(queue, (-load(source).finished_ns, source))
            (fresh.discard if marks[source] & stale else fresh.add)(source)
    best = [commit for name, commit in found.items() if not marks[name] & stale]
    return max(best, key=lambda commit: (commit.finished_ns, commit.id), default=None)
