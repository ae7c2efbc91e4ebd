"""Changes to a repo that become a commit: edits, merges, one commit's change made again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import EllipsisType

from store import names
from store.commit import Commit
from store.edit import ATTEMPTS, Edit, Heading, Merge, plan
from store.errors import HeadMoved, Refused
from store.ids import CommitId
from store.records import Entry, PathConflict, Provenance
from store.repo.ancestry import Ancestry
from store.repo.branches import Branches
from store.tree import Resolve


def undecided(conflict: PathConflict) -> None:
    """Takes no side in any conflict."""


class Changes(Branches, Ancestry):
    """What moves a branch on."""

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
        name = self.branch_name(self.default_branch if branch is None else branch)
        if origin == "user":
            self.check_editable()
        if isinstance(base, EllipsisType):
            rebase = True
            base = self.find_head(name)
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
                author=names.prose(author or user()),
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
        resolve: Resolve = undecided,
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
            found = plan(self._trees, tree_of(base), tree_of(ours), theirs.tree, resolve)
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
        resolve: Resolve = undecided,
        message: str = "",
        author: str | None = None,
    ) -> Merge:
        """Make on `branch` the change that turns the directory `old` into `new` (trees of this store; None: empty).

        From a commit's parent to the commit, that is a cherry-pick; the other way round it reverts. One commit, or none
        when the branch holds the change already. Conflicts as for `merge`.
        """
        self.check_editable()

        def attempt(ours: Commit | None) -> Merge:
            found = plan(self._trees, old, tree_of(ours), new, resolve)
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


def tree_of(commit: Commit | None) -> Entry | None:
    """The root of `commit`; None, which is an empty one, without a commit."""
    return None if commit is None else commit.tree


def user() -> str:
    """Who is at work, as the author of a commit when none is named."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name: OSError from Python 3.13 on
        return "unknown"
