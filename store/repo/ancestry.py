"""The commits of a repo, and how they follow from each other."""

from __future__ import annotations

from collections.abc import Iterator

from store import history, refexpr
from store.commit import Commit
from store.engine import Refs, RepoRefs
from store.errors import RefNotFound
from store.format.tables import BRANCH, RefBody
from store.ids import CommitId
from store.repo.handle import Handle


class Ancestry(Handle):
    """Commits by ref expressions, ids, depths and times."""

    def head(self, branch: str | None = None) -> Commit | None:
        """The last commit of `branch` (None: the default branch); None before the first. Raises RefNotFound."""
        name = self.default_branch if branch is None else branch
        with self._env.read() as reading:
            refs = Refs(reading)
            body = refs.find_ref(self.name, BRANCH, name)
            if body is None:
                raise RefNotFound(self.name, name, known=refs.near_refs(self.name, BRANCH, name))
            return self._head_of(refs, body)

    def find_head(self, branch: str | None = None) -> Commit | None:
        """As `head`; None for a branch that does not exist, too."""
        name = self.default_branch if branch is None else branch
        with self._env.read() as reading:
            refs = Refs(reading)
            body = refs.find_ref(self.name, BRANCH, name)
            return None if body is None else self._head_of(refs, body)

    def _head_of(self, refs: Refs, body: RefBody) -> Commit | None:
        return None if body.commit is None else self._commit(refs.get_link(self.name, CommitId(body.commit)))

    def branches_with_heads(self) -> list[tuple[str, Commit | None]]:
        """All branches with their heads (None: no commit yet), in the order of their names, all of one moment."""
        commits: dict[CommitId, Commit] = {}
        found: list[tuple[str, Commit | None]] = []
        with self._env.read() as reading:
            refs = Refs(reading)
            for name, head in refs.iter_refs(self.name, BRANCH):
                if head is not None and head not in commits:
                    commits[head] = self._commit(refs.get_link(self.name, head))
                found.append((name, None if head is None else commits[head]))
        return found

    def commit(self, ref: str = "") -> Commit:
        """The commit that a ref expression names, without the `REPO@`; "" is the default branch's head.

        Raises RefNotFound, also for a branch without commits; BadExpression.
        """
        found = self.find_commit(ref)
        if found is None:
            raise RefNotFound(self.name, ref or self.default_branch, why="the branch has no commit yet")
        return found

    def __getitem__(self, ref: str) -> Commit:
        """The same as `commit`: `repo["master.31"]`."""
        if not isinstance(ref, str):  # else a loop over the repo would find its head for ever
            raise TypeError(f"a ref expression is a str, not {type(ref).__name__}")
        return self.commit(ref)

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
        branch. Raises RepoNotFound when the repo is deleted meanwhile, CommitNotFound when what
        comes next is squashed.
        """
        commit = self.find_commit(ref)
        while commit is not None:
            yield commit
            commit = None if commit.parent is None else self._parent(commit, commit.parent)

    def get(self, commit: CommitId) -> Commit:
        """The repo's commit with this id. Raises CommitNotFound."""
        with self._env.read() as reading:
            return self._commit(Refs(reading).get_commit(self.name, commit))

    def _parent(self, commit: Commit, parent: CommitId) -> Commit:
        """The parent of `commit`. Raises Corrupt when it is missing from a history that is there."""
        with self._env.read() as reading:
            refs = Refs(reading)
            refs.get_repo(self.name)
            if (found := refs.find_commit(self.name, parent)) is not None:
                return self._commit(found)
            refs.get_commit(self.name, commit.id)  # CommitNotFound: both were squashed meanwhile
            return self._commit(refs.get_link(self.name, parent))

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
