"""The names at the top of the host's view.

    trips             the head of the default branch, live
    trips@dev         the head of another branch, live
    trips@<id>        a commit
    trips@master.31   any other expression: the commit it names now (a directory, listed nowhere)
    trips@A..B        what changed from one commit to another; the head where A or B is left out (changes.py)
    trips@            all refs of the repo, as symlinks (refs.py)

Every name may be kept by the kernel: when refs move, `review` works out anew what the known names of that repo
mean and drops those that mean something else. Below a name everything is a commit's, for ever, or live.

Each name is a directory of its own even where two name one commit: the kernel allows a directory a single place,
and would move it back and forth between them. Files are shared by content, so nothing is cached twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pfsfuse.vfs.branches import Branches
from pfsfuse.vfs.changes import ChangedDirectory
from pfsfuse.vfs.commits import ApartDirectory, CommitDirectory
from pfsfuse.vfs.keys import root_key
from pfsfuse.vfs.live import LiveDirectory
from pfsfuse.vfs.nodes import Contents, Directory, Known, Node, WholeContents
from pfsfuse.vfs.refresh import Refresh
from pfsfuse.vfs.refs import RefsDirectory
from pfsfuse.vfs.writable import WritableDirectory
from store import Branch, Draft, NotFound, Refused, Repo, Store, Tag, names

Refs: TypeAlias = tuple[str, tuple[Branch, ...], tuple[Tag, ...], tuple[Draft, ...]]
"""All that a ref expression's meaning depends on: the default branch, the branches with their heads, the tags; and
what is staged.
"""


class HostDirectory(Known):
    """All repos of a store, and a few names besides (`.pfs` in the host's view, `out` in a job's)."""

    __slots__ = ("_mtime_ns", "_refs", "_repos", "apart", "branches", "extras", "reviews", "store")

    def __init__(
        self,
        store: Store,
        key: bytes,
        parent: Directory | None,
        name: bytes,
        branches: Branches | None = None,
        *,
        apart: bool = False,
    ) -> None:
        super().__init__(key, parent, name)
        self.store = store
        self.apart = apart
        """Files of commits have numbers of their own."""
        self.branches = branches
        """The branches that can be written to; None: none can."""
        self.extras: Mapping[bytes, Node] = {}
        self.reviews = 0
        self._refs: dict[str, Refs | None] = {}
        self._repos: tuple[str, ...] | None = None
        self._mtime_ns = 0

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        """When the newest repo was made."""
        if self._repos is None:
            repos = self.store.repos()
            self._repos = tuple(repo.name for repo in repos)
            self._mtime_ns = max((repo.created_ns for repo in repos), default=0)
        return self._mtime_ns

    def find(self, name: bytes) -> Node | None:
        if name in self.extras:
            return self.extras[name]
        try:
            text = self.meaning(name).decode("utf-8")
        except UnicodeDecodeError:
            return None
        repo_name, at, ref = text.partition("@")
        repo = self.store.find_repo(repo_name) if repo_name else None
        if repo is None:
            return None
        if repo_name not in self._refs:
            self._refs[repo_name] = _refs(repo)
        if at and not ref:
            return RefsDirectory(repo, root_key(self.key, b"refs", name), self, name)
        return self._at(repo, name, ref)

    def meaning(self, name: bytes) -> bytes:
        """The REPO[@REF] that `name` stands for; what names no repo stands for nothing."""
        return name

    def names(self) -> list[bytes]:
        """Those that are listed, if they stand for something."""
        return [repo.name.encode() for repo in self.store.repos()]

    def _at(self, repo: Repo, name: bytes, ref: str) -> Node | None:
        branch = ref or repo.default_branch
        known = repo.find_branch(branch)
        try:
            if known is not None or branch == repo.default_branch:
                return self._live(repo, branch, name)
            if names.RANGE in ref:  # a branch of that very name comes first
                return self._changes(repo, name, *ref.split(names.RANGE, 1))
            commit = repo.commit(ref)
        except (NotFound, Refused):
            return None
        key = root_key(self.key, b"commit", name, commit.id)
        if self.apart:
            return ApartDirectory(self.store, key, self, name, commit.tree, commit)
        return CommitDirectory(self.store, key, self, name, commit.tree)

    def _changes(self, repo: Repo, name: bytes, old_ref: str, new_ref: str) -> Node:
        old, new = repo.commit(old_ref), repo.commit(new_ref)
        key = root_key(self.key, b"changes", name, old.id, new.id)
        return ChangedDirectory(self.store, key, self, name, new.tree, old.tree).with_deleted()

    def _live(self, repo: Repo, branch: str, name: bytes) -> LiveDirectory:
        key = root_key(self.key, b"live", name, branch.encode())
        place = root_key(b"branch", repo.name.encode(), branch.encode())
        entry = repo.standing(branch).tree
        if self.branches is None:
            return LiveDirectory(self.store, key, self, name, place=place, entry=entry)
        found = self.branches.get(repo, branch)
        if found.below != entry:  # nobody knew the branch under any name when it moved, so no review told it
            found.rest_on(entry)
        return WritableDirectory(found, key, self, name, place=place, entry=entry)

    def contents(self) -> Contents:
        found = {name: self.find(name) for name in self.names()}
        return _Moment(
            self, {**self.extras, **{name: node for name, node in found.items() if node is not None}}
        )

    def renew(self, name: bytes, candidate: Node) -> Node | None:
        """The repo as it is now: a candidate made before a review would show the head of that time for ever."""
        return self.find(name)

    def review(self, refresh: Refresh) -> None:
        """Bring every name the kernel knows up to date, looking only at repos whose refs have changed."""
        self.reviews += 1
        if self._repos != tuple(repo.name for repo in self.store.repos()):
            self._repos = None
            refresh.drop_attributes(self.ino)
        before, self._refs = self._refs, {}
        for name, node in self.known.items():
            if name in self.extras:
                continue
            repo_name = self.meaning(name).partition(b"@")[0].decode()
            if repo_name not in self._refs:
                self._refs[repo_name] = _refs(self.store.find_repo(repo_name))
            if self._refs[repo_name] == before.get(repo_name):
                continue
            now = self.find(name)
            if now is None or now.key != node.key:
                refresh.drop_entry(self.ino, name)
            elif isinstance(node, LiveDirectory) and isinstance(now, LiveDirectory):
                if isinstance(node, WritableDirectory):
                    node.branch.rest_on(now.entry)
                node.switch(now.entry, refresh)


class ChosenDirectory(HostDirectory):
    """A few branches and commits of a store, under names of their own, and nothing else."""

    __slots__ = ("_chosen",)

    def __init__(
        self,
        store: Store,
        key: bytes,
        parent: Directory | None,
        chosen: Mapping[bytes, bytes],
        branches: Branches | None = None,
        *,
        apart: bool = False,
    ) -> None:
        super().__init__(store, key, parent, b"", branches, apart=apart)
        self._chosen = chosen

    def meaning(self, name: bytes) -> bytes:
        return self._chosen.get(name, b"")

    def names(self) -> list[bytes]:
        return sorted(self._chosen)


class _Moment(WholeContents):
    """The repos there were when the directory was opened."""

    def __init__(self, directory: HostDirectory, children: Mapping[bytes, Node]) -> None:
        super().__init__(children)
        self._directory = directory
        self._reviews = directory.reviews

    def lasting(self) -> bool:
        return self._directory.reviews == self._reviews


def _refs(repo: Repo | None) -> Refs | None:
    if repo is None:
        return None
    return repo.default_branch, tuple(repo.branches()), tuple(repo.tags()), tuple(repo.drafts())
