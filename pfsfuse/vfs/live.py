"""Directories of a branch: as lasting in the kernel's caches as a commit's, until the head moves.

Then `switch` gives a directory its new tree and says, for what the kernel knows and nothing else, what became
wrong. Directories keep their numbers; a file that changed is a new node with a new number, so that whoever has
the old one open goes on reading the old bytes and no page cache ever mixes two versions.

This is a branch that is only read; one that is written to as well has the directories of `writable.py`.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator

from pfsfuse.vfs.keys import child_key, leaf_key
from pfsfuse.vfs.nodes import UNWRITABLE, Contents, Directory, Known, Leaf, Node
from pfsfuse.vfs.refresh import Comparison, Refresh
from store import Entry, Store


class LiveDirectory(Known):
    """A directory of a branch's head. `entry` is None when there is nothing: no commit yet, or removed since."""

    __slots__ = ("_listed", "entry", "place", "store")

    listing_lasts = True

    def __init__(
        self,
        store: Store,
        key: bytes,
        parent: Directory | None,
        name: bytes,
        *,
        place: bytes,
        entry: Entry | None,
    ) -> None:
        super().__init__(key, parent, name)
        self.store = store
        self.place = place
        self.entry = entry
        self._listed: Entry | None = None

    @property
    def mode(self) -> int:  # type: ignore[override]
        return stat.S_IFDIR | 0o555 if self.entry is None else self.entry.mode & UNWRITABLE

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        return 0 if self.entry is None else self.entry.mtime_ns

    def find(self, name: bytes) -> Node | None:
        entry = None if self.entry is None else self.store.lookup(self.entry, name)
        return None if entry is None else self.child(entry)

    def child(self, entry: Entry) -> Node:
        """The candidate for an entry of this directory.

        A file's key is of the branch and path alone, not of the top-level name it is reached by: `trips` and
        `trips@master` show one and the same file.
        """
        place = child_key(self.place, entry.name)
        if entry.is_dir:
            key = child_key(self.key, entry.name)
            return LiveDirectory(self.store, key, self, entry.name, place=place, entry=entry)
        return Leaf(leaf_key(entry, place), self, entry)

    def meet(self, candidate: Node) -> None:
        """A directory that was removed while somebody stood in it, and is there again, is the same directory."""
        if self.entry is None and isinstance(candidate, LiveDirectory):
            self.entry = candidate.entry

    def note_listing(self) -> bool:
        before, self._listed = self._listed, self.entry
        return self.entry is not None and before is self.entry

    def forget_listing(self) -> None:
        self._listed = None

    def contents(self) -> Contents:
        return _Moment(self, self.entry)

    def renew(self, name: bytes, candidate: Node) -> Node | None:
        """Directories as they are now (empty when gone), so that none enters the inode table with an old tree."""
        if isinstance(candidate, LiveDirectory):
            now = self.find(name)
            if isinstance(now, LiveDirectory):
                return now
            candidate.entry = None
        return candidate

    def switch(self, entry: Entry | None, refresh: Refresh) -> None:
        """Show `entry` from now on, and add to `refresh` what the kernel knows that may have become wrong.

        Costs one lookup for each directory known below that changed; files are left to `Refresh.compare`.
        """
        old = self.entry
        if entry == old:
            return
        self.entry = entry
        if old is None or entry is None or (old.mode, old.mtime_ns) != (entry.mode, entry.mtime_ns):
            refresh.drop_attributes(self.ino)
        leaves = []
        for name, node in self.known.items():
            if not isinstance(node, LiveDirectory):
                leaves.append((name, node.entry if isinstance(node, Leaf) else None))
                continue
            below = None if entry is None else self.store.lookup(entry, name)
            if below is not None and below.is_dir:
                node.switch(below, refresh)
            else:
                node.switch(None, refresh)
                refresh.drop_entry(self.ino, name)
        if leaves:
            refresh.compare_later(Comparison(self.ino, entry, tuple(leaves)))


class _Moment:
    """A branch's directory as it was when it was opened."""

    def __init__(self, directory: LiveDirectory, entry: Entry | None) -> None:
        self._directory = directory
        self._entry = entry

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        if self._entry is None:
            return iter(())
        store, child = self._directory.store, self._directory.child
        return ((entry.name, child(entry)) for entry in store.iter_directory(self._entry, after=name))

    def lasting(self) -> bool:
        return self._directory.entry is self._entry
