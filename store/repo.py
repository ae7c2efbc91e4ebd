"""A repo: its branches, its history, and edits that become commits."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator, Sequence
from types import EllipsisType

from store import history, names, refexpr
from store.commit import Commit, handle
from store.edit import ATTEMPTS, Edit, Heading, Merge, plan
from store.engine import Environment, Refs, RefsWriting, RepoRefs, Writing
from store.errors import HeadMoved, InUse, RefNotFound, Refused
from store.format.tables import BRANCH, TAG, RepoBody
from store.ids import CommitId
from store.records import Branch, CommitRecord, Entry, PathConflict, Provenance, Tag
from store.tree import Resolve
from store.trees import Trees


def _undecided(conflict: PathConflict) -> None:
    """Takes no side in any conflict."""


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
            found = refexpr.resolve(RepoRefs(Refs(reading), self.name), ref)
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
            return self._commit(
                history.at_depth(RepoRefs(Refs(reading), self.name).get_record, commit, depth)
            )

    def at_time(self, commit: Commit, time_ns: int) -> Commit | None:
        """The last ancestor of `commit` (itself included) finished at or before `time_ns`, or None; O(log depth)."""
        with self._env.read() as reading:
            found = history.at_time(RepoRefs(Refs(reading), self.name).get_record, commit, time_ns)
        return None if found is None else self._commit(found)

    def is_ancestor(self, old: Commit, new: Commit) -> bool:
        """Whether `old` is `new` or in its ancestry; O(log depth)."""
        with self._env.read() as reading:
            return history.is_ancestor(RepoRefs(Refs(reading), self.name).get_record, old, new)

    def merge_base(self, ours: Commit, theirs: Commit) -> Commit | None:
        """The latest commit that both already hold, by ancestry or by an earlier merge; None when they share none."""
        with self._env.read() as reading:
            load = RepoRefs(Refs(reading), self.name).get_record
            found = history.merge_base(load, ours, theirs)
        return None if found is None else self._commit(found)

    # changes

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
        base: Commit | EllipsisType | None = ...,
    ) -> Edit:
        """Changes on top of the head of `branch` (None: the default; made if missing), committed when the block ends.

        `commit_id` joins a change that began in another repo. With `allow_empty` a commit is made even when nothing
        changed. An edit that was worked out by looking at the head says which one with `base`: it then raises HeadMoved
        instead of being laid over another. Raises BadName; Refused when `origin` says that a person edits what a
        pipeline computes.
        """
        name = names.branch(self.default_branch if branch is None else branch)
        if origin == "user":
            self.check_editable()
        if isinstance(base, EllipsisType):
            rebase = True
            base = self.head(name) if self.find_branch(name) is not None else None
        else:
            rebase = False
        started_ns = time.time_ns() if now_ns is None else now_ns
        return Edit(
            self._env,
            self._trees,
            repo=self.name,
            branch=name,
            base=base,
            heading=Heading(
                author=names.prose(author or _user()),
                message=names.prose(message),
                provenance=tuple(provenance),
                origin=origin,
                commit_id=commit_id,
                allow_empty=allow_empty,
                started_ns=started_ns,
                rebase=rebase,
            ),
        )

    def merge(
        self,
        branch: str,
        theirs: Commit,
        *,
        resolve: Resolve = _undecided,
        message: str = "",
        author: str | None = None,
        fast_forward: bool = True,
    ) -> Merge:
        """Bring what `theirs` and its ancestry changed since the merge base to `branch`, whose head is ours.

        `theirs` holds nothing new: nothing changes. Ours is in its ancestry: the branch moves there, without a commit
        (not so with `fast_forward` off). Else one commit, which names `theirs` in its provenance; the next merge
        starts from there. `resolve` is asked about each path that both changed; where it answers None, the path is
        among the conflicts, and nothing changes. Loses no race: a head that moves meanwhile is merged with instead.
        Raises RefNotFound, Refused when `theirs` is of another repo or failed.
        """
        self.check_editable()
        if theirs.repo != self.name or theirs.state == "failed":
            why = "it failed" if theirs.repo == self.name else f"it is a commit of {theirs.repo!r}"
            raise Refused(f"{theirs.title} cannot be merged into {self.name!r}: {why}")

        def attempt(ours: Commit | None) -> Merge:
            base = None if ours is None else self.merge_base(ours, theirs)
            if base is not None and base.id == theirs.id:
                return Merge(ours, False, base)
            if fast_forward and (ours is None or self.is_ancestor(ours, theirs)):
                self.advance(branch, expect=None if ours is None else ours.id, to=theirs.id)
                return Merge(theirs, True, base)
            found = plan(self._trees, _tree(base), _tree(ours), theirs.tree, resolve)
            if found.conflicts:
                return Merge(ours, False, base, found.conflicts)
            provenance = (Provenance(self.name, theirs.branch, theirs.id),)
            with self.edit(
                branch, message=message, author=author, provenance=provenance, allow_empty=True, base=ours
            ) as edit:
                found.apply(edit)
            return Merge(edit.result, edit.changed, base)

        return self._on_head(branch, attempt)

    def replay(
        self,
        branch: str,
        old: Entry | None,
        new: Entry | None,
        *,
        resolve: Resolve = _undecided,
        message: str = "",
        author: str | None = None,
    ) -> Merge:
        """Make on `branch` the change that turns the directory `old` into `new` (trees of this store; None: empty).

        From a commit's parent to the commit, that is a cherry-pick; the other way round it reverts. One commit, or none
        when the branch holds the change already. Conflicts as for `merge`.
        """
        self.check_editable()

        def attempt(ours: Commit | None) -> Merge:
            found = plan(self._trees, old, _tree(ours), new, resolve)
            if found.conflicts:
                return Merge(ours, False, None, found.conflicts)
            with self.edit(branch, message=message, author=author, base=ours) as edit:
                found.apply(edit)
            return Merge(edit.result, edit.changed, None)

        return self._on_head(branch, attempt)

    def _on_head(self, branch: str, attempt: Callable[[Commit | None], Merge]) -> Merge:
        """What `attempt` makes of the branch's head, which it is given anew when somebody else moved it meanwhile."""
        for _ in range(ATTEMPTS - 1):
            try:
                return attempt(self.head(branch))
            except HeadMoved:
                continue
        return attempt(self.head(branch))

    def check_editable(self) -> None:
        """Raise InUse when people do not edit this repo, since a pipeline computes what is in it."""
        if self.origin == "pipeline":
            raise InUse(f"{self.name!r} is what pipeline {self.name!r} computes; it is not edited by hand")

    def _commit(self, record: CommitRecord) -> Commit:
        return handle(record, self._trees)


def _tree(commit: Commit | None) -> Entry | None:
    return None if commit is None else commit.tree


def _user() -> str:
    """Who is at work, as the author of a commit when none is named."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name: OSError from Python 3.13 on
        return "unknown"
