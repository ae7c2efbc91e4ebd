"""Files and symlinks of a branch that can be written to.

    LiveLeaf       one of the store that nothing has happened to
    Written        a file that was made or changed here
    WrittenLink    a symlink that was made or moved here

A file keeps its number when it is written to: `Written` takes the place of the leaf that the kernel knew.
"""

from __future__ import annotations

from pfsfuse.vfs.branches import WritableBranch
from pfsfuse.vfs.keys import root_key
from pfsfuse.vfs.nodes import Directory, Leaf, Node
from pfsfuse.worktree.model import File, Symlink
from store import Entry


class LiveLeaf(Leaf):
    """A file or symlink of the store on a branch that can be written to: its permissions are shown as they are."""

    __slots__ = ("removed",)

    def __init__(self, key: bytes, parent: Directory | None, entry: Entry) -> None:
        super().__init__(key, parent, entry)
        self.removed = False
        """Somebody may still have it open, but it is nowhere any more."""

    @property
    def links(self) -> int:  # type: ignore[override]
        return 0 if self.removed else 1

    def mode_of(self, entry: Entry) -> int:
        return entry.mode


class Written(Node):
    """A file of the working tree."""

    __slots__ = ("branch", "file")

    def __init__(self, branch: WritableBranch, parent: Directory | None, file: File) -> None:
        super().__init__(root_key(branch.key, b"item", b"%d" % file.number), parent)
        self.branch, self.file = branch, file

    @property
    def lasts(self) -> bool:
        """Whether it is still a file of the working tree."""
        return self.branch.open().has(self.file)

    @property
    def links(self) -> int:  # type: ignore[override]
        return 0 if self.file.folder is None else 1

    @property
    def name(self) -> bytes:
        return self.file.name

    @property
    def mode(self) -> int:  # type: ignore[override]
        return self.file.mode

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.branch.open().size(self.file)

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        return self.branch.open().mtime_ns(self.file)


class WrittenLink(Node):
    """A symlink of the working tree."""

    __slots__ = ("branch", "link")

    def __init__(self, branch: WritableBranch, parent: Directory | None, link: Symlink) -> None:
        super().__init__(root_key(branch.key, b"item", b"%d" % link.number), parent)
        self.branch, self.link = branch, link

    @property
    def lasts(self) -> bool:
        """Whether it is still a symlink of the working tree."""
        return self.branch.open().has(self.link)

    @property
    def links(self) -> int:  # type: ignore[override]
        return 0 if self.link.folder is None else 1

    @property
    def name(self) -> bytes:
        return self.link.name

    @property
    def mode(self) -> int:  # type: ignore[override]
        return self.link.mode

    @property
    def size(self) -> int:  # type: ignore[override]
        return len(self.link.target)

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        return self.branch.open().mtime_ns(self.link)

    def target(self) -> bytes:
        return self.link.target
