"""A store: one directory on disk that holds everything."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from typing import Self

import msgspec

from store import names, refexpr
from store.bundling import Bundling
from store.commit import Commit, Draft, draft_handle, handle
from store.edit import Merge, Together, TreeEdit
from store.engine import Environment, Refs, RefsWriting, iter_drafts, release
from store.errors import RefNotFound, Refused
from store.format.tables import BRANCH, RepoBody
from store.ids import CommitId
from store.records import Change, Entry, Extent
from store.repo import Repo, together, undecided
from store.shelf import Pins, Shelf
from store.tree import Resolve
from store.trees import Trees
from store.upkeep import Upkeep


class Target(msgspec.Struct, frozen=True):
    """What an expression `REPO[@REF][:PATH]` names."""

    repo: Repo
    commit: Commit | None
    """None: a branch without commits."""
    branch: str | None
    """The branch, when the expression is just a branch and so may move; None otherwise."""
    path: bytes
    """b"" is the root; not looked up yet."""


class Store(Bundling, Upkeep):
    """An open store, for all threads of a process and, after a fork, for both processes; a context manager."""

    def __init__(self, path: Path, env: Environment) -> None:
        self.path = path
        """The store's directory, absolute."""
        self._env, self._trees = env, Trees(env)
        self._is_open = True
        self.pins = Pins(env)
        self.header = self._read_header()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.path}>"

    def close(self) -> None:
        """End the use of this object, and of what it gave. What was committed was durable long before."""
        if self._is_open:
            self._is_open = False
            self._trees.close()
            release(self._env)

    def trim(self) -> None:
        """Let go of what was kept to be quick: for a long-lived process that has just given back much memory.

        A few decoded nodes between a million things that are gone keep all of their memory from the system.
        """
        self._trees.trim()

    def last_txnid(self) -> int:
        """Grows with every write by any process: cheap to poll for changes."""
        return self._env.last_txnid()

    # repos

    def __getitem__(self, name: str) -> Repo:
        """The repo called `name`. Raises RepoNotFound, which is a LookupError."""
        return self.repo(name)

    def __iter__(self) -> Iterator[str]:
        """The names of all repos, in order."""
        return iter([repo.name for repo in self.repos()])

    def __contains__(self, name: object) -> bool:
        """Whether a repo has this name."""
        return isinstance(name, str) and self.find_repo(name) is not None

    def create_repo(self, name: str, *, description: str = "", origin: str = "user") -> Repo:
        """Make a repo with an empty branch `master`. Raises BadName, Exists. Durable on return."""
        body = RepoBody(names.prose(description), origin, time.time_ns())
        self._env.write(lambda writing: RefsWriting(writing).create_repo(names.repo(name), body))
        return Repo(self._env, self._trees, name, body)

    def repo(self, name: str) -> Repo:
        """The repo called `name`. Raises RepoNotFound."""
        with self._env.read() as reading:
            return Repo(self._env, self._trees, name, Refs(reading).get_repo(name))

    def find_repo(self, name: str) -> Repo | None:
        """The repo called `name`, or None."""
        with self._env.read() as reading:
            body = Refs(reading).find_repo(name)
        return None if body is None else Repo(self._env, self._trees, name, body)

    def repos(self) -> list[Repo]:
        """All repos in the order of their names."""
        with self._env.read() as reading:
            return [Repo(self._env, self._trees, name, body) for name, body in Refs(reading).iter_repos()]

    def repos_with_heads(self) -> list[tuple[Repo, Commit | None]]:
        """All repos with the heads of their default branches, in the order of their names, all of one moment."""
        with self._env.read() as reading:
            refs = Refs(reading)
            return [
                (Repo(self._env, self._trees, name, body), self._head(refs, name, body.default_branch))
                for name, body in refs.iter_repos()
            ]

    def _head(self, refs: Refs, repo: str, branch: str) -> Commit | None:
        found = refs.find_ref(repo, BRANCH, branch)
        if found is None or found.commit is None:
            return None
        return handle(refs.get_link(repo, CommitId(found.commit)), self._trees)

    def hand_over(self, name: str, origin: str) -> None:
        """Let somebody else make the commits of a repo: "user" for people. Raises RepoNotFound. Durable on return."""
        self._env.write(lambda writing: RefsWriting(writing).hand_over(name, origin))

    def delete_repo(self, name: str) -> None:
        """Remove a repo with its branches, tags and commits. Raises RepoNotFound. Durable on return.

        Its space is used again after `sweep`.
        """
        self._env.write(lambda writing: RefsWriting(writing).delete_repo(name))

    # commits

    def resolve(self, text: str) -> Target:
        """What `REPO[@REF][:PATH]` names. Raises BadExpression, RepoNotFound, RefNotFound; the path is not
        looked up.
        """
        parsed = refexpr.parse(text)
        repo = self.repo(parsed.repo)
        ref = parsed.ref or refexpr.parse_ref(repo.default_branch)
        live = not ref.steps and repo.find_branch(ref.name) is not None
        return Target(repo, repo.resolve(ref), ref.name if live else None, parsed.path)

    def resolve_commit(self, text: str) -> Commit:
        """The commit that an expression without a path names. Raises RefNotFound also for a branch without commits."""
        target = self.resolve(text)
        if target.commit is None:
            raise RefNotFound(target.repo.name, target.branch or text, why="the branch has no commit yet")
        return target.commit

    def commit(self, repo: str, commit: CommitId) -> Commit:
        """The commit of `repo` with this id. Raises CommitNotFound."""
        with self._env.read() as reading:
            return handle(Refs(reading).get_commit(repo, commit), self._trees)

    def find_commit(self, repo: str, commit: CommitId) -> Commit | None:
        """The same, or None."""
        with self._env.read() as reading:
            record = Refs(reading).find_commit(repo, commit)
        return None if record is None else handle(record, self._trees)

    def heads(self, branches: Iterable[tuple[str, str]]) -> dict[tuple[str, str], CommitId | None]:
        """Where branches (repo, branch) point, all as of one moment; None: nowhere, or there is no such branch."""
        with self._env.read() as reading:
            refs = Refs(reading)
            return {(repo, branch): refs.find_head(repo, branch) for repo, branch in branches}

    def commit_set(self, commit: CommitId) -> list[Commit]:
        """The commits of all repos that carry this id, in the order of the repos' names."""
        with self._env.read() as reading:
            refs = Refs(reading)
            found = [refs.get_link(repo, commit) for _, repo in refs.iter_commit_set(commit)]
        return [handle(record, self._trees) for record in found]

    def downstream(self, repo: str, commit: CommitId) -> list[tuple[str, CommitId]]:
        """The commits (repo, id) whose provenance names this one."""
        with self._env.read() as reading:
            return list(Refs(reading).iter_downstream(repo, commit))

    # changes to several repos

    def edit_together(
        self, *refs: str, message: str = "", author: str | None = None, now_ns: int | None = None
    ) -> Together:
        """Edits of several repos (`trips`, `weather@dev`) that become commits at once, under one id, when the block
        ends: whoever reads sees all of the commits, or none. Branches are made if missing.

            with data.edit_together("trips", "weather", message="31 July") as (trips, weather):
                trips.write("7-31-16", rides)
                weather.write("7-31-16", forecast)

        A lost race for one branch lays all edits over the new heads. Raises what `Repo.edit` raises; Refused for two
        branches of one repo.
        """
        return together.edit_together(self._lines(refs), message=message, author=author, now_ns=now_ns)

    def commit_drafts(
        self, *refs: str, message: str = "", author: str | None = None, resolve: Resolve = undecided
    ) -> tuple[Merge, ...]:
        """Make what is staged for several branches (`trips`, `weather@dev`) commits at once, under one id.

        How that ended for each, in the same order; where nothing is staged, nothing happens. Where a head has moved
        since, what was staged is merged with it, and `resolve` is asked about each path that both changed, as by
        `Repo.merge`: ours is the branch. If a conflict is left in one of them, nothing is committed in any. Raises
        Refused for two branches of one repo, InUse for what a pipeline computes.
        """
        lines = self._lines(refs)
        return together.commit_drafts(
            self._env, self._trees, lines, resolve=resolve, message=message, author=author
        )

    def drafts(self) -> list[Draft]:
        """All that is staged, in the order of repos and branches. Raises Corrupt."""
        with self._env.read() as reading:
            return [draft_handle(record, self._trees) for record in iter_drafts(reading)]

    def _lines(self, refs: Iterable[str]) -> list[tuple[Repo, str]]:
        """The repos and branches that expressions name; a branch need not exist."""
        lines = []
        for text in refs:
            parsed = refexpr.parse(text)
            if parsed.path or (parsed.ref is not None and parsed.ref.steps):
                raise Refused(f"{text!r} is not a branch")
            repo = self.repo(parsed.repo)
            lines.append((repo, repo.default_branch if parsed.ref is None else parsed.ref.name))
        return lines

    # trees

    def diff(self, old: Entry | None, new: Entry | None) -> Iterator[Change]:
        """What turns the directory `old` into `new` (None: nothing there), in the order of paths.

        Equal directories are skipped by identity. Contents and permissions count; times alone do not.
        """
        return self._trees.diff(old, new)

    def diff_directory(self, old: Entry, new: Entry) -> Iterator[tuple[Entry | None, Entry | None]]:
        """The entries of two directories that have the same names, where they differ in anything, times too; None where
        one has no such name. In the order of names; directories below are not looked into.
        """
        return self._trees.diff_directory(old, new)

    def lookup(self, directory: Entry, name: bytes) -> Entry | None:
        """The entry called `name` in `directory`, or None. Raises NotADirectory, Corrupt."""
        return self._trees.lookup(directory, name)

    def iter_directory(self, directory: Entry, *, after: bytes | None = None) -> Iterator[Entry]:
        """The entries of `directory` in the order of their names, those greater than `after`; a leaf in memory
        at a time.
        """
        return self._trees.iter_directory(directory, after=after)

    def open(self, file: Entry) -> BufferedReader:
        """A seekable reader of the file's bytes. Raises IsADirectory; Refused for a symlink, which has none."""
        return self._trees.open(file)

    def extents(self, file: Entry, offset: int, size: int) -> tuple[Extent, ...]:
        """Where the `size` bytes from `offset` on lie, clipped at the end of the file: an immutable plan for
        `fetch`.
        """
        return self._trees.extents(file, offset, size)

    def fetch(self, extents: tuple[Extent, ...]) -> bytes:
        """The bytes of `extents`, joined. May wait for the disk. Raises Corrupt when they are not what was written."""
        return self._trees.fetch(extents)

    def lend(self, extents: tuple[Extent, ...]) -> AbstractContextManager[Sequence[bytes | memoryview]]:
        """The same in pieces, not joined, which are valid until the block ends: for who passes them on at once.

        A read transaction is open meanwhile. Raises Corrupt, before there is anything.
        """
        return self._trees.lend(extents)

    def edit_tree(self, base: Entry | None = None) -> TreeEdit:
        """Changes on top of a directory's entry (None: an empty one), for trees that are no commit yet."""
        return TreeEdit(self._env, self._trees, base)

    def shelf(self, name: str) -> Shelf:
        """The durable table called `name`, for the programs on top of the store."""
        return Shelf(self._env, name)
