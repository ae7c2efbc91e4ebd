r"""Squashing: several commits in a row become one, and what follows them on the branch is made anew on top of it.

    A ── 4 ── 5 ── B ── 7 ── 8    master            A ── B' ── 7' ── 8'    master
              \                                        (the trees of B, 7 and 8)
               x   dev

A commit never changes, so B', 7' and 8' are new commits with ids of their own. They keep trees, times, authors and
messages, so that `master@2016-07-31` finds the same data as before; numbers (`master.5`) and digests change.

The old commits are removed, and their space is free after the next collection, unless something depends on them:
another branch or a tag (dev above), a commit that was computed from one or merged one, a draft that stands on one.
Then the squash is refused, or with `keep` those stay, with all their ancestors, and can be read by their ids.

All of it is one transaction, so no reader ever sees half of it. It takes about 0.1 ms for each commit that follows, and
keeps other writers waiting meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec

from store import history, names
from store.commit import Commit, handle
from store.engine import RefsWriting, RepoRefs, Writing, find_draft, iter_drafts, move_draft
from store.errors import InUse, Refused
from store.format import commit as commits
from store.format.tables import BRANCH, TAG
from store.ids import CommitId
from store.records import CommitRecord, Provenance
from store.repo.dependents import SHOWN, iter_dependents
from store.repo.drafts import Drafts

SAID = 100
"""Messages that a commit takes over from those it stands for."""


class Squashed(msgspec.Struct, frozen=True):
    """What a squash has done."""

    head: Commit
    """Where the branch is now."""
    made: Commit
    """The one commit that stands for those that were squashed."""
    squashed: int
    """How many those were."""
    rewritten: int
    """How many followed them, and were made anew."""
    removed: int
    """Old commits that are gone; the others that were replaced are kept."""


class Squashing(Drafts):
    """Making history shorter."""

    def squash(
        self,
        branch: str,
        after: Commit | None,
        last: Commit,
        *,
        message: str | None = None,
        author: str | None = None,
        keep: bool = False,
        needed: Mapping[CommitId, str] | None = None,
    ) -> Squashed:
        """Make the commits after `after` (None: from the first) up to `last` one, with the tree of `last`.

        What follows on `branch` gets new ids, and so does the result; the old commits are removed. `message` is by
        default all of theirs, the oldest first. Raises InUse when something depends on a commit that would be removed
        (`needed` names more that the store does not know of); with `keep` those stay instead. Raises Refused when the
        commits are not two or more in a row in the ancestry of the branch's head; RefNotFound. Nothing has changed
        then. An edit that is under way is laid over the new head.
        """
        self.check_editable()
        head = self.head(branch)
        if head is None:
            raise Refused(f"{self.name}@{branch} has no commits")

        def work(writing: Writing) -> tuple[CommitRecord, CommitRecord, int, int, int]:
            task = _Squash(writing, self.name, branch, after, last)
            removed = task.removable(keep, needed or {})
            made = task.rewrite(message, author)
            for commit in removed:
                task.refs.remove_commit(task.refs.get_link(self.name, commit))
            head = task.refs.get_link(self.name, task.new[-1])
            return head, made, len(task.squashed), len(task.following), len(removed)

        record, made, *counts = self._env.write(work)
        return Squashed(handle(record, self._trees), handle(made, self._trees), *counts)


class _Squash:
    """One squash, in its transaction."""

    def __init__(self, writing: Writing, repo: str, branch: str, after: Commit | None, last: Commit) -> None:
        self._writing, self._repo, self._branch = writing, repo, branch
        self.refs = RefsWriting(writing)
        self.refs.get_repo(repo)
        self._load = RepoRefs(self.refs, repo).get_record
        self._after = None if after is None else self.refs.get_commit(repo, after.id)
        self._last = self.refs.get_commit(repo, last.id)
        self._head = self.refs.find_head(repo, branch)
        self.squashed, self.following = self._line()
        self.new: list[CommitId] = []
        """The ids of the new commits, in order; the first stands for all that were squashed."""

    def _line(self) -> tuple[list[CommitId], list[CommitId]]:
        """The commits to squash and those that follow, the oldest first; only ids, since there may be a million."""
        depth = 0 if self._after is None else self._after.depth
        line: list[CommitId] = []
        if self._head is not None:
            for record in history.iter_back(self._load, self._load(self._head)):
                if record.depth == depth:
                    break
                line.append(record.id)
            line.reverse()
        at = self._last.depth - depth
        found = self._after is None or (bool(line) and self._load(line[0]).parent == self._after.id)
        if not found or not 0 < at <= len(line) or line[at - 1] != self._last.id:
            where = f"{self._repo}@{self._branch}"
            raise Refused(f"both ends of what is squashed must be in the ancestry of {where}, in order")
        if at < 2:
            raise Refused(f"that is {'one commit' if at else 'no commit'}; it takes two to squash")
        return line[:at], line[at:]

    # what depends on the old commits

    def removable(self, keep: bool, needed: Mapping[CommitId, str]) -> list[CommitId]:
        """The old commits that can go. Raises InUse when that is not all of them, unless `keep`."""
        line = [*self.squashed, *self.following]
        position = {commit: at for at, commit in enumerate(line)}
        last_kept = -1
        why: list[str] = []
        for commit, what in self._dependents(position, needed):
            last_kept = max(last_kept, position[commit])
            if len(why) <= SHOWN:
                why.append(f"{what} ({commit.short()})")
        if why and not keep:
            more = " and more" if len(why) > SHOWN else ""
            raise InUse(
                f"commits to be replaced are in use: {', '.join(why[:SHOWN])}{more}",
                hint="`pfs squash --keep` leaves them where they are",
            )
        return line[last_kept + 1 :]

    def _dependents(
        self, old: Mapping[CommitId, int], needed: Mapping[CommitId, str]
    ) -> Iterator[tuple[CommitId, str]]:
        """The old commits on which something else depends, each with what that is."""
        refs, repo = self.refs, self._repo
        for kind, noun in ((BRANCH, "branch"), (TAG, "tag")):
            for name, commit in refs.iter_refs(repo, kind):
                if commit is not None and commit in old and (kind, name) != (BRANCH, self._branch):
                    yield commit, f"{noun} {name}"
        for draft in iter_drafts(self._writing, repo):
            if draft.base is None or draft.base not in old:
                continue
            if draft.branch != self._branch or old[draft.base] < len(self.squashed) - 1:
                yield draft.base, f"the draft of {draft.branch}"
        since_ns = 0 if self._after is None else self._after.finished_ns
        yield from iter_dependents(refs, repo, old, needed=needed, since_ns=since_ns)

    # making the new ones

    def rewrite(self, message: str | None, author: str | None) -> CommitRecord:
        """Write the new commits and move the branch, and its draft's base; the one that stands for many."""
        old = {*self.squashed, *self.following}
        first, last = self._load(self.squashed[0]), self._last
        sources: dict[Provenance, None] = {}
        messages: list[str] = []
        for commit in self.squashed:
            record = self._load(commit)
            sources |= dict.fromkeys(record.provenance)
            if record.message and len(messages) < SAID:
                messages.append(record.message)
        more = [f"and {len(self.squashed) - SAID} more"] if len(self.squashed) > SAID else []
        said = "\n".join([*messages, *more]) if message is None else message
        made = self._write(
            replace(
                last,
                message=names.prose(said),
                author=names.prose(author) if author else last.author,
                started_ns=first.started_ns,
            ),
            self._after,
            tuple(each for each in sources if not self._is_ours(each, old)),
        )
        parent = made
        for commit in self.following:
            record = self._load(commit)
            kept = tuple(each for each in record.provenance if not self._is_ours(each, old))
            parent = self._write(record, parent, kept)
        assert self._head is not None, "a line of commits ends in a head"
        self.refs.advance(self._repo, self._branch, expect=self._head, to=parent.id)
        self._move_draft()
        return made

    def _is_ours(self, source: Provenance, old: set[CommitId]) -> bool:
        """Whether it names a commit of the line itself, which its ancestry holds anyway."""
        return source.repo == self._repo and source.commit in old

    def _write(
        self, like: CommitRecord, parent: CommitRecord | None, provenance: tuple[Provenance, ...]
    ) -> CommitRecord:
        record = replace(
            like,
            id=CommitId.new(),
            depth=1 if parent is None else parent.depth + 1,
            parent=None if parent is None else parent.id,
            jump=None if parent is None else history.jump_of(self._load, parent),
            provenance=provenance,
            digest=b"",
        )
        record = replace(record, digest=commits.chained(record, b"" if parent is None else parent.digest))
        self.refs.add_commit(record)
        self.new.append(record.id)
        return record

    def _move_draft(self) -> None:
        """The branch's draft stands on the new commit that has the tree of its base."""
        draft = find_draft(self._writing, self._repo, self._branch)
        renamed = dict(zip([self._last.id, *self.following], self.new, strict=True))
        if draft is not None and draft.base in renamed:
            moved = replace(draft, base=renamed[draft.base])
            move_draft(self._writing, self._repo, self._branch, expect=draft, to=moved)
