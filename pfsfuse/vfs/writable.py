"""Directories of a branch that can be written to: each looks into the working tree first.

A directory keeps its number when it is moved. What is made gets a number that nothing had before, since the kernel does
not let anything be made in a directory that it has seen removed, under whatever name.

Which folder of the working tree a directory is follows from its parent's at every call: another name of the same branch
(`trips` and `trips@master`) may have changed it meanwhile.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Collection, Iterator
from typing import TypeAlias

from pfsfuse.vfs.branches import WritableBranch
from pfsfuse.vfs.inodes import Inodes
from pfsfuse.vfs.keys import child_key, leaf_key, root_key
from pfsfuse.vfs.live import LiveDirectory
from pfsfuse.vfs.nodes import Contents, Directory, Leaf, Node
from pfsfuse.vfs.refresh import Refresh
from pfsfuse.vfs.written import LiveLeaf, Written, WrittenLink
from pfsfuse.worktree.model import File, Folder, Item, Listed, Symlink, laid_over
from pfsfuse.worktree.rules import refuse
from store import Entry

Names: TypeAlias = "tuple[Listed | None, Entry | None]"
"""Equal by identity exactly when a directory's names are the same."""

FEW = 64
"""Names that the kernel knows in a directory, up to which each is looked up when the directory has changed."""


class WritableDirectory(LiveDirectory):
    """A directory of a branch's tree under what the working tree has changed in it."""

    __slots__ = ("_token", "branch", "removed", "settling", "top")

    def __init__(
        self,
        branch: WritableBranch,
        key: bytes,
        parent: Directory | None,
        name: bytes,
        *,
        place: bytes,
        entry: Entry | None,
        top: bytes = b"",
    ) -> None:
        super().__init__(branch.store, key, parent, name, place=place, entry=entry)
        self.branch = branch
        self.top = top or key
        """The key of the branch's root: each name of a branch has directories of its own."""
        self.removed = False
        """Somebody may still stand in it, but it is nowhere any more."""
        self.settling: Collection[bytes] | None = None
        """The names that were different, and are the store's now: to be looked at again, though `entry` be equal."""
        self._token: Names | None = None

    # ---- what it is now

    @property
    def above(self) -> WritableDirectory | None:
        """The directory that it is in; None for the root of the branch."""
        return self.parent if isinstance(self.parent, WritableDirectory) else None

    def state(self) -> tuple[Folder | None, Entry | None]:
        """What was changed in it (None: nothing), and what the store has there (None: nothing)."""
        if self.removed:
            return None, None
        if (above := self.above) is None:
            return self.branch.root, self.branch.below
        folder, _ = above.state()
        if folder is not None and self._name in folder.names:
            item = folder.names[self._name]
            return (item, item.below) if isinstance(item, Folder) else (None, None)
        return None, self.entry

    def own(self) -> Folder:
        """The folder of the working tree that it is, made one if there was none. ENOENT once it is removed."""
        if self.removed:
            refuse(errno.ENOENT)
        worktree = self.branch.open()
        if (above := self.above) is None:
            return worktree.model.root
        item = worktree.take(above.own(), self._name)
        return item if isinstance(item, Folder) else refuse(errno.ENOENT)

    @property
    def links(self) -> int:  # type: ignore[override]
        return 0 if self.removed else 1

    @property
    def mode(self) -> int:  # type: ignore[override]
        folder, entry = self.state()
        if folder is not None:
            return folder.mode
        shown = stat.S_IFDIR | 0o755 if entry is None else entry.mode
        return shown if self.branch.writable else shown & ~0o222

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        folder, entry = self.state()
        if folder is not None:
            return self.branch.open().mtime_ns(folder)
        return 0 if entry is None else entry.mtime_ns

    # ---- names

    def find(self, name: bytes) -> Node | None:
        folder, entry = self.state()
        if entry is None or (folder is not None and name in folder.names):
            return self._shown(folder, name, None)
        return self._shown(folder, name, self.store.lookup(entry, name))

    def _shown(self, folder: Folder | None, name: bytes, there: Entry | None) -> Node | None:
        """The candidate for `name`, where the store has `there`."""
        if folder is not None and name in folder.names:
            item = folder.names[name]
            return None if item is None else self.item(item)
        return None if there is None else self.child(there)

    def child(self, entry: Entry) -> Node:
        place = child_key(self.place, entry.name)
        if entry.is_dir:
            return self._directory(child_key(self.key, entry.name), entry.name, entry)
        kind = LiveLeaf if self.branch.writable else Leaf
        return kind(leaf_key(entry, place), self, entry)

    def item(self, item: Item) -> Node:
        """The candidate for an item of this directory."""
        if isinstance(item, Folder):
            moved = root_key(self.top, b"item", b"%d" % item.number)
            key = child_key(self.key, item.name) if item.follows else moved
            return self._directory(key, item.name, item.below)
        if isinstance(item, Symlink):
            return WrittenLink(self.branch, self, item)
        assert isinstance(item, File), "an item is a directory, a symlink or a file"
        return Written(self.branch, self, item)

    def _directory(self, key: bytes, name: bytes, entry: Entry | None) -> WritableDirectory:
        place = child_key(self.place, name)
        return WritableDirectory(self.branch, key, self, name, place=place, entry=entry, top=self.top)

    def meet(self, candidate: Node) -> None:
        if isinstance(candidate, LiveDirectory):
            self.entry = candidate.entry

    # ---- listings

    def token(self) -> Names:
        """What the names are now."""
        folder, entry = self.state()
        return None if folder is None else self.branch.open().model.listed(folder), entry

    def note_listing(self) -> bool:
        before, self._token = self._token, self.token()
        return before is not None and before[0] is self._token[0] and before[1] is self._token[1]

    def forget_listing(self) -> None:
        self._token = None

    def still(self, names: Names) -> bool:
        """Whether the names are what they were. Puts nothing in order, so that it can be asked between two changes."""
        folder, entry = self.state()
        listed = None if folder is None else folder.listed
        return listed is names[0] and entry is names[1] and (folder is None) == (listed is None)

    def contents(self) -> Contents:
        return _Moment(self, self.token())

    def renew(self, name: bytes, candidate: Node) -> Node | None:
        return self.find(name)

    # ---- following the branch

    def settle_in(self, name: bytes, above: WritableDirectory) -> None:
        """It is called `name` in `above` from now on."""
        self._name, self.parent = name, above
        self.place = child_key(above.place, name)

    def switch(self, entry: Entry | None, refresh: Refresh) -> None:
        """Show `entry` (for the root: what the branch shows) from now on, and what the working tree has now.

        Costs what changed, not what the kernel knows.
        """
        if entry == self.entry and self.settling is None:
            return
        names = self._suspects(self.entry, entry, self.settling or ())
        self.entry, self.settling = entry, None
        refresh.drop_attributes(self.ino)
        folder, _ = self.state()
        for name, there in names:
            node = self.known[name]
            now = self._shown(folder, name, there)
            if isinstance(node, WritableDirectory) and isinstance(now, WritableDirectory):
                if node.key != now.key:
                    refresh.rekey(node, now.key)
                node.switch(now.entry, refresh)
            elif isinstance(node, Written | WrittenLink) and isinstance(now, Leaf) and not node.lasts:
                refresh.replace(node, now)  # the store has it now: the same file, under the same number
            elif now is None or now.key != node.key:
                refresh.drop_entry(self.ino, name)

    def _suspects(
        self, old: Entry | None, new: Entry | None, settled: Collection[bytes]
    ) -> list[tuple[bytes, Entry | None]]:
        """The names that the kernel knows and that may mean something else in `new` than in `old`, each with what is
        there. `settled` are names that meant something else than `old` says.
        """
        known, store = self.known, self.store
        if new is None or len(known) <= FEW:
            return [(name, None if new is None else store.lookup(new, name)) for name in known]
        if old is None:
            there = {each.name: each for each in store.iter_directory(new) if each.name in known}
            return [(name, there.get(name)) for name in known]
        differ: dict[bytes, Entry | None] = {}
        for before, after in store.diff_directory(old, new):
            either = after or before
            if either is not None and either.name in known:
                differ[either.name] = after
        differ |= {name: store.lookup(new, name) for name in settled if name in known and name not in differ}
        return list(differ.items())

    def expect_settling(self) -> None:
        """The working tree is about to let go of what it changed here and below."""
        folder, _ = self.state()
        if folder is not None:
            self.settling = folder.names
            for name in folder.names:
                node = self.known.get(name)
                if isinstance(node, WritableDirectory):
                    node.expect_settling()


class _Moment:
    """A directory as it was when it was opened."""

    def __init__(self, directory: WritableDirectory, names: Names) -> None:
        self._directory, self._names = directory, names

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        directory, (listed, entry) = self._directory, self._names
        below = iter(()) if entry is None else directory.store.iter_directory(entry, after=name)
        theirs = ((each.name, directory.child(each)) for each in below)
        mine = iter(()) if listed is None else listed.iter_after(name)
        ours = ((each, None if item is None else directory.item(item)) for each, item in mine)
        return laid_over(ours, theirs)

    def lasting(self) -> bool:
        return self._directory.still(self._names)


def rekey_below(inodes: Inodes, directory: WritableDirectory, key: bytes) -> None:
    """Give a directory that was moved its new key, and with it those that are known below it."""
    inodes.rekey(directory, key)
    for name, node in directory.known.items():
        if isinstance(node, WritableDirectory):
            node.place = child_key(directory.place, name)
            found = directory.find(name)
            if isinstance(found, WritableDirectory):
                rekey_below(inodes, node, found.key)
