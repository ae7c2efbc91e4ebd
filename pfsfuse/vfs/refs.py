"""`trips@/`: every ref of a repo as a symlink, so that a recursive grep of it does not walk all of history.

    master     -> ../trips@master        each branch
    v1         -> ../trips@<commit id>   each tag
    master.31  -> ../trips@<commit id>   each commit of the default branch's ancestry

Any other expression is found when asked for, though not listed (`trips@/dev.3`, `trips@/master~2`).
"""

from __future__ import annotations

from collections.abc import Iterator

from pfsfuse.vfs.keys import child_key
from pfsfuse.vfs.nodes import Contents, Directory, Link, Node
from store import NotFound, RefNotFound, Refused, Repo

ID_DIGITS = 32


class RefsDirectory(Directory):
    """The refs of one repo. Nothing below it is kept by the kernel."""

    __slots__ = ("repo",)

    absence_lasts = False

    def __init__(self, repo: Repo, key: bytes, parent: Directory | None, name: bytes) -> None:
        super().__init__(key, parent, name)
        self.repo = repo

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        return self.repo.created_ns

    def find(self, name: bytes) -> Node | None:
        try:
            self._resolve(name)
        except (NotFound, Refused):
            return None
        return self.link(name, is_branch=self.repo.find_branch(name.decode()) is not None)

    def link(self, name: bytes, *, is_branch: bool) -> Link:
        """The candidate for a ref that exists."""
        size = len(self._prefix()) + (len(name) if is_branch else ID_DIGITS)
        key = child_key(self.key, name)
        mtime_ns = self.repo.created_ns
        return Link(key, self, name, size=size, mtime_ns=mtime_ns, resolve=lambda: self._resolve(name))

    def contents(self) -> Contents:
        return _Refs(self)

    def _prefix(self) -> bytes:
        return b"../" + self.repo.name.encode() + b"@"

    def _resolve(self, name: bytes) -> bytes:
        try:
            ref = name.decode("utf-8")
        except UnicodeDecodeError:
            raise RefNotFound(self.repo.name, repr(name)) from None
        if self.repo.find_branch(ref) is not None:
            return self._prefix() + name
        return self._prefix() + str(self.repo.commit(ref).id).encode()


class _Refs:
    """The refs as they were when the directory was opened: a million commits are a number, not a list."""

    def __init__(self, directory: RefsDirectory) -> None:
        repo = directory.repo
        self._directory = directory
        self._named = {branch.name.encode(): True for branch in repo.branches()}
        for tag in repo.tags():
            self._named.setdefault(tag.name.encode(), False)
        self._stem = repo.default_branch.encode() + b"."
        head = repo.find_head()
        self._depth = 0 if head is None else head.depth

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        """Branches and tags by name, then commits by number: not byte order, but an order that does not change."""
        start = self._number(name)
        if start == 0:
            for ref, is_branch in sorted(self._named.items()):
                if name is None or ref > name:
                    yield ref, self._directory.link(ref, is_branch=is_branch)
        for number in range(start + 1, self._depth + 1):
            ref = self._stem + b"%d" % number
            if ref not in self._named:
                yield ref, self._directory.link(ref, is_branch=False)

    def _number(self, name: bytes | None) -> int:
        """N of `master.N`; 0 for a branch, a tag, or None."""
        if name is None or name in self._named:
            return 0
        return int(name[len(self._stem) :])

    def lasting(self) -> bool:
        return True
