"""The branches and tags of a repo."""

from __future__ import annotations

from store import names
from store.commit import Commit
from store.engine import Refs, RefsWriting, Writing
from store.errors import InUse
from store.format.tables import BRANCH, TAG
from store.ids import CommitId
from store.records import Branch, Tag
from store.repo.handle import Handle


class Branches(Handle):
    """Names for commits: those that move, and those that never do."""

    def branches(self) -> list[Branch]:
        """All branches in the order of their names."""
        with self._env.read() as reading:
            return [Branch(name, commit) for name, commit in Refs(reading).iter_refs(self.name, BRANCH)]

    def find_branch(self, name: str) -> Branch | None:
        """The branch called `name`, or None."""
        with self._env.read() as reading:
            body = Refs(reading).find_ref(self.name, BRANCH, name)
        return None if body is None else Branch(name, None if body.commit is None else CommitId(body.commit))

    def branch_name(self, text: str) -> str:
        """`text`, if it is a branch or one may be made with this name; BadName otherwise."""
        return names.branch(text, new=names.RANGE in text and self.find_branch(text) is None)

    def create_branch(self, name: str, at: Commit | None = None) -> Branch:
        """Make a branch whose head is `at` (None: no commit yet).

        Raises BadName, Exists, RepoNotFound; CommitNotFound when `at` is no commit of this repo; Refused when it
        failed.
        """
        commit = self._create_ref(BRANCH, names.branch(name, new=True), at.id if at is not None else None)
        return Branch(name, commit)

    def delete_branch(self, name: str) -> None:
        """Remove a branch; its commits stay readable by id. Raises RefNotFound; InUse for the default
        branch, and for one that has a draft.
        """
        if name == self.default_branch:
            raise InUse(f"{name!r} is the default branch of {self.name!r}")
        self._env.write(lambda writing: RefsWriting(writing).delete_ref(self.name, BRANCH, name))

    def advance(self, branch: str, *, expect: CommitId | None, to: CommitId | None) -> None:
        """Point `branch` at `to`, provided it still points at `expect` (None: no commit, or no such branch).

        Raises HeadMoved, with the commit found instead, if someone was faster; CommitNotFound when the repo has no
        commit `to`; Refused when it failed; BadName. Then nothing has changed. Durable on return.
        """
        name = self.branch_name(branch)

        def work(writing: Writing) -> None:
            refs = RefsWriting(writing)
            refs.get_repo(self.name)
            if to is not None:
                refs.check_head(self.name, to)
            refs.advance(self.name, name, expect=expect, to=to)

        self._env.write(work)

    def tags(self) -> list[Tag]:
        """All tags in the order of their names."""
        with self._env.read() as reading:
            found = list(Refs(reading).iter_refs(self.name, TAG))
        return [Tag(name, commit) for name, commit in found if commit is not None]

    def create_tag(self, name: str, at: Commit) -> Tag:
        """Give `at` a name that never moves. Raises BadName, Exists, RepoNotFound, CommitNotFound."""
        self._create_ref(TAG, names.tag(name, new=True), at.id)
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
