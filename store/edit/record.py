"""What a commit says: put together, chained to its parent and written, in the transaction that moves a branch."""

from __future__ import annotations

import time
from dataclasses import replace

import msgspec

from store import history
from store.engine import RefsWriting, RepoRefs, Writing
from store.format import commit as commits
from store.ids import CommitId
from store.records import CommitRecord, Entry, Provenance


class Heading(msgspec.Struct, frozen=True):
    """What a commit will say beside its tree."""

    author: str
    message: str
    provenance: tuple[Provenance, ...]
    origin: str
    """"user", "pipeline" or "service"."""
    commit_id: CommitId | None
    """Join this change; None: a new id."""
    allow_empty: bool
    """Make a commit even when nothing changed."""
    started_ns: int
    rebase: bool = True
    """Lay the changes over a new head when a race for the branch was lost; else HeadMoved."""


def write_commit(
    writing: Writing,
    heading: Heading,
    *,
    repo: str,
    branch: str,
    parent: CommitId | None,
    tree: Entry,
    reason: str = "",
    at_ns: int | None = None,
) -> CommitRecord:
    """Write a commit's record and all that goes with it; `reason` makes it a failed one.

    It is finished `at_ns` (None: now), or right after its parent when that is later.
    Where it stands in the history is read in the same transaction. Raises what `add_commit` raises, RepoNotFound, and
    CommitNotFound when the parent is gone.
    """
    refs = RefsWriting(writing)
    refs.get_repo(repo)
    above = None if parent is None else refs.get_commit(repo, parent)
    load = RepoRefs(refs, repo).get_record
    now_ns = time.time_ns() if at_ns is None else at_ns
    record = CommitRecord(
        id=heading.commit_id or CommitId.new(),
        repo=repo,
        branch=branch,
        depth=1 if above is None else above.depth + 1,
        parent=parent,
        jump=None if above is None else history.jump_of(load, above),
        tree=tree,
        started_ns=heading.started_ns,
        finished_ns=max(now_ns, 0 if above is None else above.finished_ns + 1),
        author=heading.author,
        message=heading.message,
        provenance=heading.provenance,
        origin=heading.origin,
        state="failed" if reason else "finished",
        reason=reason,
        digest=b"",
    )
    record = replace(record, digest=commits.chained(record, b"" if above is None else above.digest))
    refs.add_commit(record)
    return record
