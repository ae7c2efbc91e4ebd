"""What changed between two commits, as directories: `trips@A..B`.

Only what was added or modified from A to B is there, at its path, as it is in B. `.deleted` at the top holds what B
has no longer, at its path, as it was in A. A directory is there when something below it is. Nothing is compared
before somebody looks: equal directories are skipped by their ids.
"""

from __future__ import annotations

from collections.abc import Iterator

from pfsfuse.vfs.commits import CommitDirectory
from pfsfuse.vfs.keys import child_key
from pfsfuse.vfs.nodes import Directory, Node
from store import Entry, Store

DELETED = b".deleted"


class ChangedDirectory(CommitDirectory):
    """What `entry` holds and `other` does not, or holds otherwise; `other` None: all of it.

    With `only_names`, a name that both have counts as held alike: what is left is what was deleted.
    """

    __slots__ = ("deleted", "only_names", "other")

    def __init__(
        self,
        store: Store,
        key: bytes,
        parent: Directory | None,
        name: bytes,
        entry: Entry,
        other: Entry,
        *,
        only_names: bool = False,
    ) -> None:
        super().__init__(store, key, parent, name, entry)
        self.other = other
        self.only_names = only_names
        self.deleted: ChangedDirectory | None = None

    def with_deleted(self) -> ChangedDirectory:
        """Show what `other` alone holds below `.deleted`."""
        key = child_key(self.key, DELETED)
        self.deleted = ChangedDirectory(
            self.store, key, self, DELETED, self.other, self.entry, only_names=True
        )
        return self

    def find(self, name: bytes) -> Node | None:
        if name == DELETED and self.deleted is not None:
            return self.deleted
        entry = self.store.lookup(self.entry, name)
        return None if entry is None else self._shown(entry)

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        pending = self.deleted if name is None or name < DELETED else None
        for entry in self.store.iter_directory(self.entry, after=name):
            if pending is not None and entry.name >= DELETED:
                yield DELETED, pending
                pending = None
            if (entry.name != DELETED or self.deleted is None) and (node := self._shown(entry)) is not None:
                yield entry.name, node
        if pending is not None:
            yield DELETED, pending

    def _shown(self, entry: Entry) -> Node | None:
        """The candidate for an entry of ours, or None when the other side has it alike."""
        other = self.store.lookup(self.other, entry.name)
        if other is None:
            return self.child(entry)
        if entry.is_dir and other.is_dir:
            if entry.content == other.content or not self._differs(entry, other):
                return None
            key = child_key(self.key, entry.name)
            return ChangedDirectory(
                self.store, key, self, entry.name, entry, other, only_names=self.only_names
            )
        if self.only_names or (entry.mode, entry.identity()) == (other.mode, other.identity()):
            return None
        return self.child(entry)

    def _differs(self, entry: Entry, other: Entry) -> bool:
        """Whether anything below `entry` is to be shown; looks no further than the first."""
        changes = self.store.diff(other, entry)
        if self.only_names:
            return any(change.old is None for change in changes)
        return any(
            change.new is not None and not (change.old is not None and change.new.is_dir)
            for change in changes
        )
