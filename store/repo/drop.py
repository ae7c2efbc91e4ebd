r"""Dropping: the last commits of a line go, with what only they held.

    A ── 4 ── 5 ── 6    master            A ── 4    master
          \                                    \
           x ── y   dev                         x ── y   dev

Branches that point at one of them go back to the commit before all of them, or are left without one. Nothing may depend
on what goes: neither a tag, nor a draft, nor a commit that follows one of them or was made from one. It is one
transaction: a reader sees all of the commits, or none. The space that they took is free after the next collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import EllipsisType

import msgspec

from store import history
from store.commit import Commit, handle
from store.engine import Reading, Refs, RefsWriting, RepoRefs, Writing, iter_drafts
from store.errors import InUse, Refused
from store.format.tables import BRANCH, TAG
from store.ids import CommitId
from store.records import CommitRecord
from store.repo.dependents import SHOWN, iter_dependents
from store.repo.squash import Squashing


class Dropped(msgspec.Struct, frozen=True):
    """What a drop has done, or would do."""

    commits: tuple[CommitId, ...]
    """Those that go, the last first."""
    moved: tuple[str, ...]
    """Branches that move back, in the order of their names."""
    head: Commit | None
    """Where those are then; None: they have no commit."""


class _Plan(msgspec.Struct, frozen=True):
    gone: tuple[CommitRecord, ...]
    moved: tuple[str, ...]
    rest: CommitRecord | None


class Dropping(Squashing):
    """Making history end earlier."""

    def drop(
        self,
        last: Commit,
        after: Commit | EllipsisType | None = ...,
        *,
        needed: Mapping[CommitId, str] | None = None,
        dry_run: bool = False,
    ) -> Dropped:
        """Remove `last`, and what is before it and not in the ancestry of `after` (None: all; ...: of its parent); with
        `dry_run`, only say what that would be.

        Raises InUse when something depends on one of them (`needed` names more that the store does not know of), and
        when a pipeline computes what is in the repo; Refused when `after` has all of them. Nothing has changed then.
        """
        self.check_editable()

        def work(writing: Writing) -> _Plan:
            refs = RefsWriting(writing)
            plan = self._plan(writing, refs, last, after, needed or {})
            for name in plan.moved:
                head = refs.find_head(self.name, name)
                refs.advance(self.name, name, expect=head, to=None if plan.rest is None else plan.rest.id)
            for record in plan.gone:
                refs.remove_commit(record)
            return plan

        if dry_run:
            with self._env.read() as reading:
                plan = self._plan(reading, Refs(reading), last, after, needed or {})
        else:
            plan = self._env.write(work)
        head = None if plan.rest is None else handle(plan.rest, self._trees)
        return Dropped(tuple(each.id for each in plan.gone), plan.moved, head)

    def _plan(
        self,
        reading: Reading,
        refs: Refs,
        last: Commit,
        after: Commit | EllipsisType | None,
        needed: Mapping[CommitId, str],
    ) -> _Plan:
        """Raises InUse, Refused, RepoNotFound."""
        refs.get_repo(self.name)
        line, rest = self._line(refs, last, after)
        gone = dict.fromkeys(each.id for each in line)
        since_ns = 0 if rest is None else rest.finished_ns
        self._refuse_used(
            [
                *self._names(reading, refs, gone),
                *iter_dependents(refs, self.name, gone, needed=needed, since_ns=since_ns),
            ]
        )
        moved = tuple(name for name, head in refs.iter_refs(self.name, BRANCH) if head in gone)
        return _Plan(tuple(line), moved, rest)

    def _line(
        self, refs: Refs, last: Commit, after: Commit | EllipsisType | None
    ) -> tuple[list[CommitRecord], CommitRecord | None]:
        """The commits to drop, the last first, and the one before them."""
        load = RepoRefs(refs, self.name).get_record
        start = refs.get_commit(self.name, last.id)
        if isinstance(after, EllipsisType):
            return [start], None if start.parent is None else load(start.parent)
        end = None if after is None else refs.get_commit(self.name, after.id)
        line: list[CommitRecord] = []
        for record in history.iter_back(load, start):
            if end is not None and history.is_ancestor(load, record, end):
                if not line:
                    raise Refused(
                        f"{last.title} is in the ancestry of {end.repo}@{end.id.short()}: nothing comes after that"
                    )
                return line, record
            line.append(record)
        return line, None

    def _names(
        self, reading: Reading, refs: Refs, gone: Mapping[CommitId, None]
    ) -> Iterator[tuple[CommitId, str]]:
        """The tags and drafts that hold one of these commits."""
        for name, commit in refs.iter_refs(self.name, TAG):
            if commit is not None and commit in gone:
                yield commit, f"tag {name}"
        for draft in iter_drafts(reading, self.name):
            if draft.base is not None and draft.base in gone:
                yield draft.base, f"the draft of {draft.branch}"

    def _refuse_used(self, found: list[tuple[CommitId, str]]) -> None:
        if found:
            why = ", ".join(f"{what} ({commit.short()})" for commit, what in found[:SHOWN])
            more = " and more" if len(found) > SHOWN else ""
            raise InUse(
                f"commits to be dropped are in use: {why}{more}",
                hint="`pfs revert` undoes a commit and keeps it",
            )
