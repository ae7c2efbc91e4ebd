"""An edit that becomes one commit: the last transaction, and what happens when somebody else was faster."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType

from store import history, names
from store.commit import Commit, handle
from store.edit.tree import TreeEdit
from store.engine import Environment, Refs, RefsWriting, RepoRefs, Writing
from store.errors import HeadMoved
from store.format import commit as commits
from store.format.tables import BRANCH
from store.ids import CommitId
from store.records import CommitRecord, Entry, Provenance
from store.trees import Trees

ATTEMPTS = 100
"""How often an edit is laid over a new head before a race for the branch is given up."""


@dataclass(frozen=True, slots=True)
class Heading:
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


class Edit(TreeEdit):
    """Changes that become one commit. As a context manager it commits at the end, or discards when anything is
    raised.
    """

    def __init__(
        self, env: Environment, trees: Trees, *, repo: str, branch: str, base: Commit | None, heading: Heading
    ) -> None:
        super().__init__(env, trees, base.tree if base is not None else None, now_ns=heading.started_ns)
        self._env, self._trees = env, trees
        self._repo, self._branch, self._head, self._heading = repo, branch, base, heading
        self.result: Commit | None = None
        """The commit, once there is one: the new one, or the head as it was when nothing changed."""
        self.changed = False
        """Whether a commit was made."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.result is None:
                self.commit()
        finally:
            super().__exit__(kind, error, trace)

    def commit(self) -> Commit | None:
        """Write everything and move the branch. Durable on return.

        If someone else moved the branch meanwhile, the changes are laid over the new head; HeadMoved only after losing
        that race 100 times, or at once when the edit was made for one `base`. Nothing changed: no commit, and the
        head is the result (None: there is none). Raises Full; RepoNotFound and CommitNotFound when the repo was deleted
        meanwhile; Exists when it has a commit with `commit_id`, or a tag with the branch's name. The branch is then
        where it was.
        """
        for attempt in range(ATTEMPTS):
            root = self._save_tree()
            old = self._head.tree if self._head is not None else None
            if not self._heading.allow_empty and old is not None and _equal(old, root):
                self.result = self._head
                return self.result
            if not self._heading.allow_empty and old is None and root.content is None:
                return None
            try:
                record = self._writer.flush(partial(self._advance, root=root))
            except HeadMoved:
                if attempt == ATTEMPTS - 1 or not self._heading.rebase:
                    raise
                self._rebase()
                continue
            assert record is not None, "flush gives what its last step gave"
            self.result, self.changed = handle(record, self._trees), True
            return self.result
        raise AssertionError("the loop returns or raises")

    def fail(self, reason: str) -> Commit:
        """Record a commit of state "failed" that says why and that no branch points to; its tree is the base's."""
        base = self._head.tree if self._head is not None else self._save_tree()
        record = self._writer.flush(lambda writing: self._record(writing, base, names.prose(reason)))
        assert record is not None, "flush gives what its last step gave"
        self.result, self.changed = handle(record, self._trees), True
        return self.result

    def _advance(self, writing: Writing, *, root: Entry) -> CommitRecord:
        record = self._record(writing, root, "")
        expect = self._head.id if self._head is not None else None
        RefsWriting(writing).advance(self._repo, self._branch, expect=expect, to=record.id)
        return record

    def _record(self, writing: Writing, root: Entry, reason: str) -> CommitRecord:
        """Write the commit's record; where it stands in the history is read in the same transaction."""
        refs, heading = RefsWriting(writing), self._heading
        refs.get_repo(self._repo)
        parent = None if self._head is None else refs.get_commit(self._repo, self._head.id)
        load = RepoRefs(refs, self._repo).get_record
        record = CommitRecord(
            id=heading.commit_id or CommitId.new(),
            repo=self._repo,
            branch=self._branch,
            depth=1 if parent is None else parent.depth + 1,
            parent=None if parent is None else parent.id,
            jump=None if parent is None else history.jump_of(load, parent),
            tree=root,
            started_ns=heading.started_ns,
            finished_ns=max(time.time_ns(), 0 if parent is None else parent.finished_ns + 1),
            author=heading.author,
            message=heading.message,
            provenance=heading.provenance,
            origin=heading.origin,
            state="failed" if reason else "finished",
            reason=reason,
            digest=b"",
        )
        record = replace(record, digest=commits.chained(record, b"" if parent is None else parent.digest))
        refs.add_commit(record)
        return record

    def _rebase(self) -> None:
        """Take the branch's new head as the base."""
        with self._env.read() as reading:
            refs = Refs(reading)
            body = refs.find_ref(self._repo, BRANCH, self._branch)
            head = (
                None
                if body is None or body.commit is None
                else refs.get_link(self._repo, CommitId(body.commit))
            )
        self._head = None if head is None else handle(head, self._trees)
        if not self._replaced:
            self._overlaid.base = None if head is None else head.tree


def _equal(old: Entry, new: Entry) -> bool:
    return (old.content, old.mode, old.xattrs) == (new.content, new.mode, new.xattrs)
