"""Views: what one mount shows.

HostView    every repo of a store (namespace.py), or what was chosen; and `.pfs`
JobViews    a worker's mount: one numbered directory for each job view, added and removed while it is mounted
JobView     a directory for each input, at an exact commit and showing only its paths, and an empty `out`
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from pfsfuse.vfs.branches import Branches
from pfsfuse.vfs.commits import CommitDirectory
from pfsfuse.vfs.control import NAME, ControlDirectory, Reports
from pfsfuse.vfs.keys import child_key, root_key
from pfsfuse.vfs.namespace import ChosenDirectory, HostDirectory
from pfsfuse.vfs.nodes import Contents, Directory, Fixed, Known, Node, WholeContents
from pfsfuse.vfs.picked import PickedDirectory, pick
from pfsfuse.vfs.refresh import Refresh
from store import Commit, Conflict, NotFound, Store

OUT = b"out"


class View(Protocol):
    """What a mount shows."""

    store: Store
    branches: Branches | None
    """The branches that can be written to; None: none can."""

    def root(self, reports: Reports) -> Directory:
        """The directory at the mountpoint; made once. `reports` are what `.pfs` shows."""

    def prepare(self) -> None:
        """In a thread, before a review: change in the store what must follow from what is there."""

    def review(self, refresh: Refresh) -> None:
        """Compare what the kernel was told with the store, for every directory that can change."""


@dataclass(frozen=True, slots=True)
class ViewInput:
    """One input of a job as its view shows it."""

    commit: Commit
    paths: tuple[str, ...] = ("/",)
    """What is shown of the commit, each with everything below it; ("/",) is all."""


@dataclass(frozen=True, slots=True)
class JobView:
    """What one datum or service sees."""

    inputs: Mapping[str, ViewInput]
    """Directory name to input."""
    whole_host: bool = False
    """Show every repo, live, instead of inputs."""


class HostView:
    """The whole store, as people see it under /pfs."""

    def __init__(
        self,
        store: Store,
        *,
        writable: bool = False,
        apart: bool = False,
        chosen: Mapping[str, str] | None = None,
    ) -> None:
        """`apart`: files of commits have numbers of their own (`ApartDirectory`). `chosen`: names to show instead of
        all repos, each with the REPO[@REF] that it stands for.
        """
        self.store = store
        only = None if chosen is None else [meaning.encode() for meaning in chosen.values()]
        self.branches = Branches(store, only) if writable else None
        key = root_key(b"host")
        if chosen is None:
            self._root = HostDirectory(store, key, None, b"", self.branches, apart=apart)
        else:
            names = {os.fsencode(name): meaning.encode() for name, meaning in chosen.items()}
            self._root = ChosenDirectory(store, key, None, names, self.branches, apart=apart)

    def root(self, reports: Reports) -> Directory:
        self._root.extras = {NAME: ControlDirectory(self._root, reports, self.branches, self.store)}
        return self._root

    def review(self, refresh: Refresh) -> None:
        self._root.review(refresh)

    def prepare(self) -> None:
        """Put what is staged on the heads there are now, where nothing stands against it; a commit says what does."""
        for draft in self.store.drafts() if self.branches is not None else ():
            with suppress(NotFound, Conflict):
                self.store.repo(draft.repo).rebase_draft(draft.branch)

    def close(self) -> None:
        """End the use of what was written on its branches; it stays where it is."""
        if self.branches is not None:
            self.branches.close()


class JobViews:
    """The views of a worker's jobs, side by side under one mount: `1`, `2`, … A number is never used again."""

    branches: Branches | None = None

    def __init__(self, store: Store) -> None:
        self.store = store
        self._root = _Views(root_key(b"views"), None, b"")
        self._last = 0

    def add(self, view: JobView) -> str:
        """Show `view`; the name of its directory. It is there at once: absent names are not cached."""
        self._last += 1
        name = b"%d" % self._last
        key = child_key(self._root.key, name)
        directory = self._host(key, name) if view.whole_host else self._inputs(key, name, view.inputs)
        self._root.views[name] = directory
        return name.decode()

    def remove(self, name: str) -> None:
        """Show it no longer. The kernel is told at the next refresh; the name is free of meaning at once."""
        self._root.views.pop(name.encode(), None)

    def _host(self, key: bytes, name: bytes) -> HostDirectory:
        directory = HostDirectory(self.store, key, self._root, name)
        directory.extras = {OUT: _empty(directory)}
        return directory

    def _inputs(self, key: bytes, name: bytes, inputs: Mapping[str, ViewInput]) -> Fixed:
        directory = Fixed(key, self._root, name)
        shown = [self._input(directory, input_name.encode(), value) for input_name, value in inputs.items()]
        return directory.fill([*shown, _empty(directory)])

    def _input(self, parent: Directory, name: bytes, value: ViewInput) -> Directory:
        key = root_key(parent.key, name, value.commit.id)
        picks = pick(value.paths)
        if picks is None:
            return CommitDirectory(self.store, key, parent, name, value.commit.tree)
        return PickedDirectory(self.store, key, parent, name, value.commit.tree, picks)

    def root(self, reports: Reports) -> Directory:
        return self._root

    def prepare(self) -> None:
        """Nothing is written here."""

    def review(self, refresh: Refresh) -> None:
        for name, node in self._root.known.items():
            if self._root.views.get(name) is not node:
                refresh.drop_entry(self._root.ino, name)
            elif isinstance(node, HostDirectory):
                node.review(refresh)


def _empty(parent: Directory) -> Fixed:
    """`out`: the place where a real directory of the host is mounted over the view."""
    return Fixed(child_key(parent.key, OUT), parent, OUT)


class _Views(Known):
    """The root of a worker's mount."""

    __slots__ = ("views",)

    def __init__(self, key: bytes, parent: Directory | None, name: bytes) -> None:
        super().__init__(key, parent, name)
        self.views: dict[bytes, Directory] = {}

    def find(self, name: bytes) -> Node | None:
        return self.views.get(name)

    def contents(self) -> Contents:
        return WholeContents(self.views)
