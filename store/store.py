"""A store: one directory on disk that holds everything."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Self

from store import copying, fsck, gc, names, refexpr, stats, upgrade
from store.bundling import Bundling
from store.commit import Commit, Draft, draft_handle, handle
from store.copying import Copied
from store.edit import Merge, Together, TreeEdit
from store.engine import Environment, Refs, RefsWriting, Writing, acquire, compact, iter_drafts, release
from store.engine.compact import Compacted, Room
from store.errors import Corrupt, Exists, NewerFormat, NotAStore, NotWritable, RefNotFound, Refused
from store.format import tables
from store.format.tables import BRANCH, FORMAT, HEADER_KEY, META, PLAIN, Header, RepoBody
from store.fsck import RepairPlan
from store.gc import GcPlan, Swept
from store.ids import CommitId
from store.records import Change, Entry, Extent
from store.repo import Repo, together, undecided
from store.shelf import Pins, Shelf
from store.stats import Stats
from store.tree import Resolve
from store.trees import Trees
from store.upgrade import UpgradePlan

DATA = "data.mdb"
FILES = {DATA, "lock.mdb"}
"""What a directory may hold before a store is made in it: files of a process that died while it was at it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an expression `REPO[@REF][:PATH]` names."""

    repo: Repo
    commit: Commit | None
    """None: a branch without commits."""
    branch: str | None
    """The branch, when the expression is just a branch and so may move; None otherwise."""
    path: bytes
    """b"" is the root; not looked up yet."""


class Store(Bundling):
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

    def edit_tree(self, base: Entry | None = None) -> TreeEdit:
        """Changes on top of a directory's entry (None: an empty one), for trees that are no commit yet."""
        return TreeEdit(self._env, self._trees, base)

    def shelf(self, name: str) -> Shelf:
        """The durable table called `name`, for the programs on top of the store."""
        return Shelf(self._env, name)

    # the store as a whole

    def check(
        self, *, read_data: bool = False, progress: fsck.Progress = lambda what, done, total: None
    ) -> fsck.Report:
        """Whether every invariant of the format pages holds, and whom damage affects. Damage is never raised.

        `read_data` verifies every byte; without it files' chunks are not read. `progress` is told what is being
        checked, how many are done, and how many there are. A damaged page of LMDB's own may end the process: check a
        store that is in doubt in a process of its own, as `pfs store check` does.
        """
        return fsck.check(self._env, read_data=read_data, progress=progress)

    def plan_repair(self, progress: fsck.Progress = lambda what, done, total: None) -> RepairPlan:
        """What of the store's damage can be mended without loss; changes nothing. Reads every byte.

        Raises Corrupt when the database itself is damaged: `salvage` gets out what can be read. See `check` for what a
        damaged page may do.
        """
        return fsck.plan_repair(self._env, progress)

    def repair(self, plan: RepairPlan) -> int:
        """Mend what `plan` says, as far as it is still so; how many records were written or removed. Durable on return.

        Safe beside readers and writers. Another plan may find more, when one mend shows what another one needs.
        """
        return fsck.repair(self._env, plan)

    def plan_gc(self, progress: gc.Progress = lambda objects: None) -> GcPlan:
        """What no commit and no pin leads to any more; changes nothing. `progress` is told the objects met so far.

        Raises Corrupt when damage hides what is alive: then nothing may be dropped.
        """
        return gc.plan_gc(self._env, progress)

    def sweep(
        self, plan: GcPlan, *, patience_seconds: float = 30.0, progress: gc.Progress = lambda segments: None
    ) -> Swept:
        """Drop what `plan` found dead and still is, so that its space is used again. `progress`: segments done so far.

        Safe beside readers, writers and mounts. Edits that begin meanwhile wait a moment. Raises InUse, having changed
        nothing, when edits that had begun are still at work after `patience_seconds`; an edit of this process counts.
        """
        return gc.sweep(self._env, plan, patience_seconds=patience_seconds, progress=progress)

    def plan_compact(self) -> Room:
        """How much room free pages take in the database's file; changes nothing. Raises Corrupt."""
        return compact.plan_compact(self._env)

    def compact(self, progress: compact.Progress = lambda done, total: None) -> Compacted:
        """Give the space of free pages back to the file system, beside readers and writers. `progress`: pages, of all.

        Raises Corrupt when LMDB's own pages do not add up, and Refused where the file system cannot take back parts of
        a file; then nothing was given back.
        """
        return compact.compact(self._env, progress)

    def copy(
        self,
        destination: str | Path,
        *,
        read_data: bool = False,
        progress: copying.Progress = lambda what, done, total: None,
    ) -> Copied:
        """Copy the store as it is at this moment to the new or empty directory `destination`, while others go on.

        All repos with their drafts, pins and shelves, without free pages, under another id; checked (`read_data`: every
        byte) and durable on return. Raises Refused, Full, NotWritable, Corrupt; then there is no copy.
        """
        return copying.copy(self._env, destination, read_data=read_data, progress=progress)

    def plan_upgrade(self) -> UpgradePlan:
        """What `upgrade` would do."""
        return upgrade.plan_upgrade(self._read_header())

    def upgrade(self) -> UpgradePlan:
        """Give the store everything that this version can do, all or nothing; what was done. Durable on return.

        Earlier versions cannot open it afterwards. Raises InUse when a step needs the store for itself and other
        processes have it open; then nothing has changed.
        """
        done = upgrade.upgrade(self._env)
        self.header = self._read_header()
        return done

    def stats(self) -> Stats:
        """Logical, unique and stored bytes, by repo and altogether. Raises Corrupt."""
        return stats.measure(self._env)

    def _read_header(self) -> Header:
        with self._env.read() as reading:
            body = reading.get(META, HEADER_KEY)
        if body is None:
            raise NotAStore(self.path, "its database has no header")
        header = tables.decode(Header, body)
        unknown = tuple(name for name in header.features if name not in tables.FEATURES)
        if header.format > FORMAT or unknown:
            raise NewerFormat(self.path, header.format, FORMAT, unknown)
        if header.chunker != Header(0, 0, b"").chunker:
            raise Corrupt("header", f"its chunker is {header.chunker}")
        return header


def open(path: str | Path) -> Store:
    """The store in the directory `path`. Raises NotAStore, NewerFormat, NotWritable, Corrupt.

    It may be opened as often as is convenient; all who have it open in one process share what there is to share.
    """
    where = Path(path).absolute()
    try:
        there = (where / DATA).exists()
    except PermissionError:
        raise NotWritable(where, "permission denied") from None
    if not there:
        why = "there is no data.mdb in it" if where.is_dir() else "there is no such directory"
        raise NotAStore(where, why)
    if not os.access(where, os.W_OK | os.X_OK):
        read_only = os.statvfs(where).f_flag & os.ST_RDONLY
        raise NotWritable(where, "its file system is read-only" if read_only else "permission denied")
    return _opened(where, acquire(where))


def create(path: str | Path) -> Store:
    """Make a store in the new or empty directory `path`, for this user only (0700).

    Raises Exists, NotWritable, Full; NotAStore for a directory that holds other things. Then nothing has changed, but
    for missing parent directories, which may have been made. A process that dies in here leaves a directory in which
    `create` works.
    """
    where = Path(path).absolute()
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {item.name for item in where.iterdir()}
        if found - FILES and DATA not in found:
            raise NotAStore(where, "it is a directory with other things in it")
        if not found:
            where.chmod(0o700)
    except FileExistsError:
        raise NotAStore(where, "it is not a directory") from None
    except OSError as error:
        raise NotWritable(where, (error.strerror or str(error)).lower()) from None
    env = acquire(where, create=True)
    header = Header(PLAIN, time.time_ns(), os.urandom(16))

    def work(writing: Writing) -> None:
        if writing.get_raw(META, HEADER_KEY) is not None:
            raise Exists("store", str(where))
        writing.put(META, HEADER_KEY, tables.encode(header))

    try:
        env.write(work)
    except BaseException:
        release(env)
        raise
    return _opened(where, env)


def open_or_create(path: str | Path) -> Store:
    """The store in `path`, made if the directory is missing or empty. Raises what `open` and `create` raise.

    Several processes may do so at once: one makes the store, all open it.
    """
    try:
        return open(path)
    except NotAStore:
        try:
            return create(path)
        except Exists:
            return open(path)


def _opened(path: Path, env: Environment) -> Store:
    try:
        return Store(path, env)
    except BaseException:
        release(env)
        raise
