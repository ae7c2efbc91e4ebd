"""Directories of a commit: they never change, so the kernel may keep everything about them for ever."""

from __future__ import annotations

from collections.abc import Iterator

from pfsfuse.vfs.keys import child_key, leaf_key
from pfsfuse.vfs.nodes import UNWRITABLE, Contents, Directory, Leaf, Node
from store import Commit, Entry, Store


class CommitDirectory(Directory):
    """A directory of a commit, or any tree that is shown as one."""

    __slots__ = ("entry", "store")

    def __init__(self, store: Store, key: bytes, parent: Directory | None, name: bytes, entry: Entry) -> None:
        super().__init__(key, parent, name)
        self.store = store
        self.entry = entry

    @property
    def mode(self) -> int:  # type: ignore[override]
        return self.entry.mode & UNWRITABLE

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        return self.entry.mtime_ns

    def find(self, name: bytes) -> Node | None:
        entry = self.store.lookup(self.entry, name)
        return None if entry is None else self.child(entry)

    def child(self, entry: Entry) -> Node:
        """The candidate for an entry of this directory."""
        if entry.is_dir:
            return CommitDirectory(self.store, child_key(self.key, entry.name), self, entry.name, entry)
        return Leaf(leaf_key(entry), self, entry)

    listing_lasts = True

    def note_listing(self) -> bool:
        return True

    def contents(self) -> Contents:
        return self

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        return (
            (entry.name, self.child(entry)) for entry in self.store.iter_directory(self.entry, after=name)
        )

    def lasting(self) -> bool:
        return True


class ApartDirectory(CommitDirectory):
    """A directory of a commit whose files have numbers of their own, for a mount that says of a file what is true in
    this commit alone. The kernel caches a file once for each commit then.
    """

    __slots__ = ("commit",)

    def __init__(
        self, store: Store, key: bytes, parent: Directory | None, name: bytes, entry: Entry, commit: Commit
    ) -> None:
        super().__init__(store, key, parent, name, entry)
        self.commit = commit

    def child(self, entry: Entry) -> Node:
        key = child_key(self.key, entry.name)
        if entry.is_dir:
            return ApartDirectory(self.store, key, self, entry.name, entry, self.commit)
        return Leaf(leaf_key(entry, key), self, entry)
