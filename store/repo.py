"""A repo: its branches, its history, and edits that become commits."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType

from store import history, names, refexpr
from store.commit import Commit, handle
from store.edit import TreeEdit
from store.engine import Environment, Refs, RefsWriting, Writing
from store.errors import HeadMoved, InUse, RefNotFound
from store.format import commit as commits
from store.format.tables import BRANCH, TAG, RepoBody
from store.ids import CommitId
from store.records import Branch, CommitRecord, Entry, Provenance, Tag
from store.trees import Trees

ATTEMPTS = 100
"""How often an edit is laid over a new head before a race for the branch is given up."""


class Repo:
    """A named line of versioned data. Made by `Store.repo` and `Store.create_repo`; cheap, holds nothing open."""

    def __init__(self, env: Environment, trees: Trees, name: str, body: RepoBody) -> None:
        self._env, self._trees = env, trees
        self.name = name
        self.description = body.description
        self.origin = body.origin
        """Who made it: "user", "pipeline" or "service"."""
        self.created_ns = body.created_ns
        self.default_branch = body.default_branch

    def __repr__(self) -> str:
        return f"<Repo {self.name}>"

    # branches and tags

    def branches(self) -> list[Branch]:
        """All branches in the order of their names."""
        with self._env.read() as reading:
            return [Branch(name, commit) for name, commit in Refs(reading).iter_refs(self.name, BRANCH)]

    def find_branch(self, name: str) -> Branch | None:
        """The branch called `name`, or None."""
        with self._env.read() as reading:
            body = Refs(reading).find_ref(self.name, BRANCH, name)
        return None if body is None else Branch(name, None if body.commit is None else CommitId(body.commit))

    def create_branch(self, name: str, at: Commit | None = None) -> Branch:
        """Make a branch whose head is `at` (None: no commit yet).

        Raises BadName, Exists, RepoNotFound; CommitNotFound when `at` is no commit of this repo; Refused when it
        failed.
        """
        return Branch(name, self._create_ref(BRANCH, names.branch(name), at.id if at is not None else None))

    def delete_branch(self, name: str) -> None:
        """Remove a branch; its commits stay readable by id. Raises RefNotFound; InUse for the default branch."""
        if name == self.default_branch:
            raise InUse(f"{name!r} is the default branch of {self.name!r}")
        self._env.write(lambda writing: RefsWriting(writing).delete_ref(self.name, BRANCH, name))

    def advance(self, branch: str, *, expect: CommitId | None, to: CommitId | None) -> None:
        """Point `branch` at `to`, provided it still points at `expect` (None: no commit, or no such branch).

        Raises HeadMoved, with the commit found instead, if someone was faster; CommitNotFound when the repo has no
        commit `to`; Refused when it failed. Then nothing has changed. Durable on return.
        """

        def work(writing: Writing) -> None:
            refs = RefsWriting(writing)
            refs.get_repo(self.name)
            if to is not None:
                refs.check_head(self.name, to)
            refs.advance(self.name, names.branch(branch), expect=expect, to=to)

        self._env.write(work)

    def tags(self) -> list[Tag]:
        """All tags in the order of their names."""
        with self._env.read() as reading:
            found = list(Refs(reading).iter_refs(self.name, TAG))
        return [Tag(name, commit) for name, commit in found if commit is not None]

    def create_tag(self, name: str, at: Commit) -> Tag:
        """Give `at` a name that never moves. Raises BadName, Exists, RepoNotFound, CommitNotFound."""
        self._create_ref(TAG, names.tag(name), at.id)
        return Tag(name, at.id)

    def delete_tag(self, name: str) -> None:
        """Remove a tag. Raises RefNotFound."""
        self._env.write(lambda writing: RefsWriting(writing).delete_ref(self.name, TAG, name))

    def _create_ref(self, kind: bytes, name: str, at: CommitId | None) -> CommitId | None:
        def work(writing: Writing) -> None:
            refs = RefsWriting(writing)
            refs.get_repo(self.name)
            refs.create_ref(self.name, kind, name, at)

        self._env.write(work)
        return at

    # commits

    def head(self, branch: str | None = None) -> Commit | None:
        """The last commit of `branch` (None: the default branch); None before the first. Raises RefNotFound."""
        name = self.default_branch if branch is None else branch
        with self._env.read() as reading:
            refs = Refs(reading)
            body = refs.find_ref(self.name, BRANCH, name)
            if body is None:
                known = [ref for ref, _ in refs.iter_refs(self.name, BRANCH)]
                raise RefNotFound(self.name, name, known=known)
            return (
                None if body.commit is None else self._commit(refs.get_link(self.name, CommitId(body.commit)))
            )

    def commit(self, ref: str = "") -> Commit:
        """The commit that a ref expression names, without the `REPO@`; "" is the default branch's head.

        Raises RefNotFound, also for a branch without commits; BadExpression.
        """
        found = self.find_commit(ref)
        if found is None:
            raise RefNotFound(self.name, ref or self.default_branch, why="the branch has no commit yet")
        return found

    def find_commit(self, ref: str = "") -> Commit | None:
        """The same, but None for a branch without commits."""
        return self.resolve(refexpr.parse_ref(ref or self.default_branch))

    def resolve(self, ref: refexpr.Ref) -> Commit | None:
        """The commit that a parsed ref names; None for a branch without commits. Raises RefNotFound."""
        with self._env.read() as reading:
            found = refexpr.resolve(_Names(self.name, Refs(reading)), ref)
        return None if found is None else self._commit(found)

    def log(self, ref: str = "") -> Iterator[Commit]:
        """The commit that `ref` names and its ancestors, newest first. Raises RefNotFound; empty for an empty
        branch. Raises RepoNotFound when the repo is deleted meanwhile.
        """
        commit = self.find_commit(ref)
        while commit is not None:
            yield commit
            commit = None if commit.parent is None else self._linked(commit.parent)

    def get(self, commit: CommitId) -> Commit:
        """The repo's commit with this id. Raises CommitNotFound."""
        with self._env.read() as reading:
            return self._commit(Refs(reading).get_commit(self.name, commit))

    def _linked(self, commit: CommitId) -> Commit:
        """The commit that another one names. Raises Corrupt when it is missing from a repo that is there."""
        with self._env.read() as reading:
            refs = Refs(reading)
            refs.get_repo(self.name)
            return self._commit(refs.get_link(self.name, commit))

    def at_depth(self, commit: Commit, depth: int) -> Commit:
        """The ancestor of `commit` at `depth`, from 1 to its own, in O(log depth)."""
        with self._env.read() as reading:
            return self._commit(history.at_depth(_Names(self.name, Refs(reading)).get_record, commit, depth))

    def at_time(self, commit: Commit, time_ns: int) -> Commit | None:
        """The last ancestor of `commit` (itself included) finished at or before `time_ns`, or None; O(log depth)."""
        with self._env.read() as reading:
            found = history.at_time(_Names(self.name, Refs(reading)).get_record, commit, time_ns)
        return None if found is None else self._commit(found)

    def is_ancestor(self, old: Commit, new: Commit) -> bool:
        """Whether `old` is `new` or in its ancestry; O(log depth)."""
        with self._env.read() as reading:
            return history.is_ancestor(_Names(self.name, Refs(reading)).get_record, old, new)

    def edit(
        self,
        branch: str | None = None,
        *,
        message: str = "",
        author: str | None = None,
        provenance: Sequence[Provenance] = (),
        origin: str = "user",
        commit_id: CommitId | None = None,
        allow_empty: bool = False,
        now_ns: int | None = None,
    ) -> Edit:
        """Changes on top of the head of `branch` (None: the default; made if missing), committed when the block ends.

        `commit_id` joins a change that began in another repo. With `allow_empty` a commit is made even when nothing
        changed. Raises BadName; Refused when `origin` says that a person edits what a pipeline computes.
        """
        name = names.branch(self.default_branch if branch is None else branch)
        if self.origin == "pipeline" and origin == "user":
            raise InUse(f"{self.name!r} is what pipeline {self.name!r} computes; it is not edited by hand")
        base = self.head(name) if self.find_branch(name) is not None else None
        started_ns = time.time_ns() if now_ns is None else now_ns
        return Edit(
            self._env,
            self._trees,
            repo=self.name,
            branch=name,
            base=base,
            draft=_Draft(
                author=names.prose(author or _user()),
                message=names.prose(message),
                provenance=tuple(provenance),
                origin=origin,
                commit_id=commit_id,
                allow_empty=allow_empty,
                started_ns=started_ns,
            ),
        )

    def _commit(self, record: CommitRecord) -> Commit:
        return handle(record, self._trees)


class _Draft:
    """What a commit will say beside its tree."""

    __slots__ = ("allow_empty", "author", "commit_id", "message", "origin", "provenance", "started_ns")

    def __init__(
        self,
        author: str,
        message: str,
        provenance: tuple[Provenance, ...],
        origin: str,
        commit_id: CommitId | None,
        allow_empty: bool,
        started_ns: int,
    ) -> None:
        self.author, self.message, self.provenance, self.origin = author, message, provenance, origin
        self.commit_id, self.allow_empty, self.started_ns = commit_id, allow_empty, started_ns


class Edit(TreeEdit):
    """Changes that become one commit. As a context manager it commits at the end, or discards when anything is
    raised.
    """

    def __init__(
        self, env: Environment, trees: Trees, *, repo: str, branch: str, base: Commit | None, draft: _Draft
    ) -> None:
        super().__init__(env, trees, base.tree if base is not None else None, now_ns=draft.started_ns)
        self._env, self._repo, self._branch, self._head, self._draft = env, repo, branch, base, draft
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
        that race 100 times. Nothing changed: no commit, and the head is the result (None: there is none).
        Raises Full; RepoNotFound and CommitNotFound when the repo was deleted meanwhile; Exists when it has a commit
        with `commit_id`, or a tag with the branch's name. The branch is then where it was.
        """
        for attempt in range(ATTEMPTS):
            root = self._save_tree()
            old = self._head.tree if self._head is not None else None
            if not self._draft.allow_empty and old is not None and _equal(old, root):
                self.result = self._head
                return self.result
            if not self._draft.allow_empty and old is None and root.content is None:
                return None
            try:
                record = self._writer.flush(partial(self._advance, root=root))
            except HeadMoved:
                if attempt == ATTEMPTS - 1:
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
        refs, draft = RefsWriting(writing), self._draft
        refs.get_repo(self._repo)
        parent = None if self._head is None else refs.get_commit(self._repo, self._head.id)
        load = _Names(self._repo, refs).get_record
        record = CommitRecord(
            id=draft.commit_id or CommitId.new(),
            repo=self._repo,
            branch=self._branch,
            depth=1 if parent is None else parent.depth + 1,
            parent=None if parent is None else parent.id,
            jump=None if parent is None else history.jump_of(load, parent),
            tree=root,
            started_ns=draft.started_ns,
            finished_ns=max(time.time_ns(), 0 if parent is None else parent.finished_ns + 1),
            author=draft.author,
            message=draft.message,
            provenance=draft.provenance,
            origin=draft.origin,
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
            self._base = None if head is None else head.tree


class _Names:
    """What resolving asks of a repo, in one transaction."""

    def __init__(self, name: str, refs: Refs) -> None:
        self.name, self._refs = name, refs

    def find_ref(self, name: str) -> tuple[bool, CommitId | None]:
        body = self._refs.find_ref(self.name, BRANCH, name) or self._refs.find_ref(self.name, TAG, name)
        return (
            (False, None) if body is None else (True, None if body.commit is None else CommitId(body.commit))
        )

    def find_record(self, commit: CommitId) -> CommitRecord | None:
        return self._refs.find_commit(self.name, commit)

    def get_record(self, commit: CommitId) -> CommitRecord:
        return self._refs.get_link(self.name, commit)

    def iter_prefix(self, digits: str) -> list[CommitId]:
        # An odd digit is half a byte: look for the whole bytes and compare the hex.
        found = self._refs.iter_commit_set(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        return [commit for commit, repo in found if repo == self.name and str(commit).startswith(digits)]

    def ref_names(self) -> list[str]:
        return [name for kind in (BRANCH, TAG) for name, _ in self._refs.iter_refs(self.name, kind)]


def _equal(old: Entry, new: Entry) -> bool:
    return (old.content, old.mode, old.xattrs) == (new.content, new.mode, new.xattrs)


def _user() -> str:
    """Who is at work, as the author of a commit when none is named."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name: OSError from Python 3.13 on
        return "unknown"
