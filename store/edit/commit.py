"""An edit that becomes one commit: the last transaction, and what happens when somebody else was faster.

Several edits, of several repos, may end in one transaction under one id (`commit_all`): a reader sees all of their
commits or none, and a race lost for one branch is a race lost for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from msgspec.structs import replace

from store import names
from store.commit import Commit, handle
from store.edit.record import Heading, write_commit
from store.edit.tree import TreeEdit
from store.engine import Environment, Refs, RefsWriting, Writing
from store.errors import HeadMoved
from store.records import CommitRecord, Entry
from store.shelf import Shelf, expecting
from store.trees import Trees

ATTEMPTS = 100
"""How often an edit is laid over a new head before a race for the branch is given up."""


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
        self._checks: list[Callable[[Writing], None]] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.result is None:
                self.commit()
        finally:
            self._end(kind, error, trace)

    @property
    def message(self) -> str:
        """What the commit will say; may be set as long as there is none."""
        return self._heading.message

    @message.setter
    def message(self, text: str) -> None:
        self._heading = replace(self._heading, message=names.prose(text))

    def expect(self, shelf: Shelf, values: Mapping[bytes, bytes | None]) -> None:
        """Make no commit, and no failed one, unless each of these keys of `shelf` has this value then (None: is not
        there): it is found out in the transaction that makes the commit, which otherwise raises Conflict and has
        changed nothing.
        """
        self._checks.append(expecting(shelf, values))

    def commit(self) -> Commit | None:
        """Write everything and move the branch. Durable on return.

        If someone else moved the branch meanwhile, the changes are laid over the new head; HeadMoved only after losing
        that race 100 times, or at once when the edit was made for one `base`, or adds to a file (`append`, and `open`
        but for "wb") that they changed. Nothing changed: no commit, and the
        head is the result (None: there is none). Raises Full; RepoNotFound and CommitNotFound when the repo was deleted
        meanwhile; Exists when it has a commit with `commit_id`, or a tag with the branch's name. The branch is then
        where it was.
        """
        commit_all([self])
        return self.result

    def fail(self, reason: str) -> Commit:
        """Record a commit of state "failed" that says why and that no branch points to; its tree is the base's."""
        base = self._head.tree if self._head is not None else self._save_tree()

        def write(writing: Writing) -> CommitRecord:
            self._check(writing)
            return self._write(writing, base, reason=names.prose(reason))

        record = self._writer.flush(write)
        assert record is not None, "flush gives what its last step gave"
        self.result, self.changed = handle(record, self._trees), True
        return self.result

    # the steps of `commit_all`, which begins again at the first when a race was lost

    def _prepare(self) -> Entry | None:
        """The tree to commit, its nodes given to the writer; None when nothing changed."""
        root = self._save_tree()
        old = self._head.tree if self._head is not None else None
        if self._heading.allow_empty:
            return root
        same = root.content is None if old is None else equal_roots(old, root)
        return None if same else root

    def _advance(self, writing: Writing, root: Entry | None, at_ns: int) -> CommitRecord | None:
        """Make the commit and move the branch. Raises HeadMoved, also when there is nothing to commit."""
        self._check(writing)
        refs = RefsWriting(writing)
        expect = self._head.id if self._head is not None else None
        # First of all: when commits were squashed, the old head is gone and the race lost. When the repo was replaced
        # by another of its name, the old head is gone too, but nothing has come in its place.
        refs.get_repo(self._repo)
        if expect is not None and refs.find_head(self._repo, self._branch) is None:
            refs.get_commit(self._repo, expect)
        refs.check_unmoved(self._repo, self._branch, expect)
        if root is None:
            return None
        record = self._write(writing, root, at_ns=at_ns)
        refs.advance(self._repo, self._branch, expect=expect, to=record.id)
        return record

    def _check(self, writing: Writing) -> None:
        for check in self._checks:
            check(writing)

    def _finish(self, record: CommitRecord | None) -> None:
        """What came of it."""
        self.result = self._head if record is None else handle(record, self._trees)
        self.changed = record is not None

    def _rebase(self) -> None:
        """Take the branch's new head as the base. Raises HeadMoved when it changed what this edit adds to."""
        with self._env.read() as reading:
            refs = Refs(reading)
            found = refs.find_head(self._repo, self._branch)
            head = None if found is None else refs.get_link(self._repo, found)
        if not self._replaced and not self._followed.holds_in(None if head is None else head.tree):
            expected = None if self._head is None else str(self._head.id)
            raise HeadMoved(
                self._repo, self._branch, expected=expected, found=None if found is None else str(found)
            )
        self._head = None if head is None else handle(head, self._trees)
        if not self._replaced:
            self._overlaid.base = None if head is None else head.tree

    def _join(self, other: Edit) -> None:
        """Write into what `other` writes into, so that one transaction can end both. What was put before is written
        out, and stays as long as `other` lives.
        """
        self._writer.write_out()
        self._unwritten = False
        self._let_go_of_host()  # which writes into the one that ends
        self._writer.__exit__(None, None, None)
        self._writer = other._writer

    def _end(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of threads and locks, without a commit."""
        super().__exit__(kind, error, trace)

    def _write(
        self, writing: Writing, root: Entry, *, reason: str = "", at_ns: int | None = None
    ) -> CommitRecord:
        return write_commit(
            writing,
            self._heading,
            repo=self._repo,
            branch=self._branch,
            parent=None if self._head is None else self._head.id,
            tree=root,
            reason=reason,
            at_ns=at_ns,
        )


def commit_all(edits: Sequence[Edit], also: Callable[[Writing], None] | None = None) -> None:
    """Make the commits of all `edits`, which write into one writer, and what `also` does, in one transaction.

    An edit that changes nothing makes no commit, but takes part in the race: its result is the head at that moment. All
    commits are finished at the same nanosecond. Raises what `Edit.commit` raises for any of them; then nothing of all
    this has happened.
    """
    for attempt in range(ATTEMPTS):
        roots = [edit._prepare() for edit in edits]
        if also is None and not any(roots):
            for edit in edits:
                edit._finish(None)
            return

        def work(writing: Writing, roots: Sequence[Entry | None] = roots) -> list[CommitRecord | None]:
            parents = [edit._head.finished_ns for edit in edits if edit._head is not None]
            at_ns = max([time.time_ns(), *(each + 1 for each in parents)])
            made = [edit._advance(writing, root, at_ns) for edit, root in zip(edits, roots, strict=True)]
            if also is not None:
                also(writing)
            return made

        try:
            made = edits[0]._writer.flush(work)
        except HeadMoved:
            if attempt == ATTEMPTS - 1 or not all(edit._heading.rebase for edit in edits):
                raise
            for edit in edits:
                edit._rebase()
            continue
        assert made is not None, "flush gives what its last step gave"
        for edit, record in zip(edits, made, strict=True):
            edit._finish(record)
        return


def equal_roots(old: Entry, new: Entry) -> bool:
    """Whether two roots are the same directory, times in it included."""
    return (old.content, old.mode, old.xattrs) == (new.content, new.mode, new.xattrs)
