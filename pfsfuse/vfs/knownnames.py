"""What the kernel knows of a branch's names, kept right after each change that was made through the mount.

Nodes change places with the names, and keep their numbers. Names of the same branch under another top-level name are
noted in `elsewhere`, to be dropped.
"""

from __future__ import annotations

from pfsfuse.vfs.handles import Handles, OpenFile, OpenWritten
from pfsfuse.vfs.inodes import Inodes
from pfsfuse.vfs.keys import root_key
from pfsfuse.vfs.nodes import Leaf, Node
from pfsfuse.vfs.refresh import Refresh
from pfsfuse.vfs.writable import WritableDirectory, rekey_below
from pfsfuse.vfs.written import LiveLeaf, Written, WrittenLink
from pfsfuse.worktree.model import Item


class KnownNames:
    """The names of one mount's branches that the kernel knows. The working tree has each change already."""

    def __init__(self, inodes: Inodes, handles: Handles) -> None:
        self._inodes, self._handles = inodes, handles
        self.elsewhere = Refresh(inodes.rekey, inodes.replace)
        """What the kernel must drop because it was changed under another name of the branch."""
        self._deaths = 0

    def enter(self, directory: WritableDirectory, item: Item) -> Node:
        """Let the kernel know a new item."""
        candidate = directory.item(item)
        node = self._inodes.number(candidate)
        self._inodes.count(node, directory, item.name)
        self.note_elsewhere(directory, item.name)
        return node

    def become(self, leaf: Leaf, node: Node) -> None:
        """`node` is what the kernel knew as `leaf` from here on; so are the handles that are open."""
        self._inodes.replace(leaf, node)
        if isinstance(node, Written) and leaf.opens:
            for fh, handle in self._handles.items():
                if isinstance(handle, OpenFile) and handle.node is leaf:
                    node.branch.open().hold(node.file)
                    self._handles.put(fh, OpenWritten(node))

    def move(self, node: Node, directory: WritableDirectory, name: bytes) -> None:
        """The kernel calls `node` `name` in `directory` now."""
        candidate = directory.find(name)
        assert candidate is not None, "it was put there just now"
        if isinstance(node, WritableDirectory):
            node.settle_in(name, directory)
            rekey_below(self._inodes, node, candidate.key)
        elif isinstance(node, LiveLeaf):
            candidate.ino = node.ino
            self.become(node, candidate)
            node = candidate
        else:
            node.parent = directory
        self._inodes.moved(node, directory, name)

    def lose(self, directory: WritableDirectory, name: bytes) -> None:
        """The name was removed."""
        if (node := directory.known.get(name)) is not None:
            self.die(directory, name, node)
        self.note_elsewhere(directory, name)

    def die(self, directory: WritableDirectory, name: bytes, node: Node) -> None:
        """The name is gone; the node stays as long as somebody has it open or stands in it."""
        directory.known.pop(name, None)
        if isinstance(node, WritableDirectory | LiveLeaf):
            node.removed = True
        if not isinstance(node, Written | WrittenLink):
            self._deaths += 1
            self._inodes.rekey(node, root_key(b"gone", b"%d" % self._deaths))

    def note_elsewhere(self, directory: WritableDirectory, name: bytes) -> None:
        """Have the kernel drop the name where the branch is shown under another top-level name."""
        path = [name]
        at = directory
        while (above := at.above) is not None:
            path.append(at.name)
            at = above
        root, names = at, path[::-1]
        host = root.parent
        for other in getattr(host, "known", {}).values():
            if other is root or not isinstance(other, WritableDirectory) or other.branch is not root.branch:
                continue
            place = _descend(other, names[:-1])
            if place is not None:
                self.elsewhere.drop_entry(place.ino, name)
                self.elsewhere.drop_attributes(place.ino)


def _descend(directory: WritableDirectory, names: list[bytes]) -> WritableDirectory | None:
    for name in names:
        below = directory.known.get(name)
        if not isinstance(below, WritableDirectory):
            return None
        directory = below
    return directory
