"""Parts of a commit: only what some paths lead to, at their full paths.

A datum sees the paths its glob matched and nothing beside them. `pick` turns the paths into a small tree of names;
a `PickedDirectory` is a real directory of the commit that shows only the names in its part of that tree.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from pfsfuse.vfs.commits import CommitDirectory
from pfsfuse.vfs.keys import child_key
from pfsfuse.vfs.nodes import Contents, Directory, Node
from store import Entry, Store

Picks: TypeAlias = dict[bytes, "Picks | None"]
"""Names to what is picked below them; None: all of it."""


def pick(paths: Iterable[str]) -> Picks | None:
    """The tree of names that lead to `paths`; None when one of them is the root, so that all is picked."""
    picks: Picks = {}
    for path in paths:
        names = [name for name in os.fsencode(path).split(b"/") if name]
        if not names:
            return None
        at: Picks | None = picks
        for name in names[:-1]:
            at = at.setdefault(name, {}) if at is not None else None
        if at is not None:
            at[names[-1]] = None
    return picks


class PickedDirectory(CommitDirectory):
    """A directory of a commit of which only some names are shown."""

    __slots__ = ("picks",)

    def __init__(
        self, store: Store, key: bytes, parent: Directory | None, name: bytes, entry: Entry, picks: Picks
    ) -> None:
        super().__init__(store, key, parent, name, entry)
        self.picks = picks

    def find(self, name: bytes) -> Node | None:
        if name not in self.picks:
            return None
        entry = self.store.lookup(self.entry, name)
        if entry is None or (self.picks[name] is not None and not entry.is_dir):
            return None  # a path that leads through a file leads nowhere
        return self.child(entry)

    def child(self, entry: Entry) -> Node:
        below = self.picks[entry.name]
        if below is None:
            return super().child(entry)
        key = child_key(self.key, entry.name)
        return PickedDirectory(self.store, key, self, entry.name, entry, below)

    def contents(self) -> Contents:
        return _Picked(self)


class _Picked:
    def __init__(self, directory: PickedDirectory) -> None:
        self._directory = directory
        self._names = sorted(directory.picks)

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        for picked in self._names:
            if name is None or picked > name:
                node = self._directory.find(picked)
                if node is not None:
                    yield picked, node

    def lasting(self) -> bool:
        return True
