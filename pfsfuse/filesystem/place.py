"""What an address leads to now: the tree of a commit, and what is in it.

Symlinks are followed as far as they stay inside their tree, like a program in the mount would, except that there is no
host around it to lead to.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass

import store
from pfsfuse.filesystem.address import PROTOCOL, Address
from pfsfuse.filesystem.errors import os_error

HOPS = 40
"""Symlinks on one way, as many as the kernel follows."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is at a path."""

    entry: store.Entry
    link: store.Entry | None = None
    """The symlink that the path itself is, when `entry` is what it leads to."""


@dataclass(frozen=True, slots=True)
class Place:
    """The tree of a commit, or of a branch as it is being edited."""

    data: store.Store
    address: Address
    root: store.Entry
    """An empty directory for a branch without commits."""

    def get(self) -> Found:
        """What is at the address. Raises FileNotFoundError, NotADirectoryError."""
        found = self._at(_names(self.address.path), HOPS)
        if found is None:
            raise os_error(errno.ENOENT, f"no {self.address.path!r} in {self.address.place}", self.address)
        return found

    def find(self) -> Found | None:
        """The same, or None when there is nothing. Raises NotADirectoryError."""
        return self._at(_names(self.address.path), HOPS)

    def iter(self) -> Iterator[tuple[str, Found]]:
        """The names in the directory at the address, in order. Raises what `get` raises, and NotADirectoryError."""
        at = self.get().entry
        if not at.is_dir:
            raise os_error(errno.ENOTDIR, f"{self.address.path!r} is not a directory", self.address)
        above = _names(self.address.path)
        for entry in self.data.iter_directory(at):
            found = self._followed(above, entry, HOPS)
            # A directory is in one place only: else whoever walks down could come back to where they were.
            yield os.fsdecode(entry.name), Found(entry) if found.entry.is_dir else found

    def _at(self, names: list[bytes], hops: int) -> Found | None:
        at = Found(self.root)
        for index, name in enumerate(names):
            if not at.entry.is_dir:
                raise os_error(
                    errno.ENOTDIR, f"{os.fsdecode(names[index - 1])!r} is not a directory", self.address
                )
            entry = self.data.lookup(at.entry, name)
            if entry is None:
                return None
            at = self._followed(names[:index], entry, hops)
        return at

    def _followed(self, above: list[bytes], entry: store.Entry, hops: int) -> Found:
        """What `entry`, in the directory `above`, leads to; itself when it leads nowhere in this tree."""
        target = entry.target
        if not entry.is_symlink or not target or target.startswith(b"/") or hops == 0:
            return Found(entry)
        names = posixpath.normpath(b"/".join([*above, target])).split(b"/")
        try:
            found = (
                None if names[0] == b".." else self._at([name for name in names if name != b"."], hops - 1)
            )
        except NotADirectoryError:
            found = None
        return Found(entry) if found is None else Found(found.entry, entry)


def look(data: store.Store, address: Address) -> Place:
    """What is committed at `address`. Raises RepoNotFound, RefNotFound, BadExpression."""
    target = data.resolve(address.place)
    if target.commit is not None:
        return Place(data, address, target.commit.tree)
    return Place(data, address, store.Entry(b"", stat.S_IFDIR | 0o755, target.repo.created_ns, 0, files=0))


def branch(data: store.Store, address: Address) -> tuple[store.Repo, str]:
    """The branch that `address` is on, which can be written to.

    Raises FileNotFoundError for a repo that is not there, which only `mkdir` makes; EROFS for what never changes,
    PermissionError for what a pipeline computes, and what `look` raises.
    """
    if not address.repo or address.ref == "":
        raise os_error(errno.EPERM, "only a branch of a repo can be written to", address)
    try:
        target = data.resolve(address.place)
    except store.RepoNotFound as error:
        raise _no_repo(error, address) from None
    if target.branch is None:
        hint = f"`pfs branch list {address.repo}` shows the branches, which do"
        raise os_error(errno.EROFS, f"{address.place} is no branch and never changes; {hint}", address)
    try:
        target.repo.check_editable()
    except store.InUse as error:
        raise os_error(errno.EPERM, str(error), address) from None
    return target.repo, target.branch


def require_repo(data: store.Store, address: Address) -> None:
    """Raise the FileNotFoundError of `branch` where there is no repo."""
    try:
        data.repo(address.repo)
    except store.RepoNotFound as error:
        raise _no_repo(error, address) from None


def _no_repo(error: store.RepoNotFound, address: Address) -> OSError:
    """What a write to a repo that is not there says: what it may have been meant to be, and what makes it."""
    name, hint = error.repo, error.hint()
    near = f"{hint} If not, " if hint.startswith("did you mean") else ""
    makes = f'fs.mkdir("{PROTOCOL}://{name}") or `pfs repo create {name}` makes it'
    return os_error(errno.ENOENT, f"{error}; {near}{makes}", address)


def _names(path: str) -> list[bytes]:
    raw = store.names.path(path)
    return raw.split(b"/") if raw else []
