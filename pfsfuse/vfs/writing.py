"""What may be done to a view: every change, request by request; EROFS where nothing can be written.

Everything here runs on the event loop. Bytes are written to the page cache of the store's disk where they arrive; what
may take long is left to the caller as a plan: a sync, or (`TakesLong`) a copy that must be there first. While a
branch's changes are moved into the store, or a file is copied, changing it raises `Busy`, and the caller asks again.

Each change is made in the working tree first and then in what the kernel knows (`knownnames.py`).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable

from pfsfuse.vfs import attributes
from pfsfuse.vfs.branches import TakesLong, WritableBranch
from pfsfuse.vfs.handles import Handles, OpenDirectory, OpenWritten
from pfsfuse.vfs.inodes import Inodes
from pfsfuse.vfs.knownnames import KnownNames
from pfsfuse.vfs.messages import MessageFile
from pfsfuse.vfs.nodes import Directory, Leaf, Node
from pfsfuse.vfs.writable import WritableDirectory
from pfsfuse.vfs.written import Written, WrittenLink
from pfsfuse.worktree.model import File, Item
from pfsfuse.worktree.rules import refuse
from pfsfuse.worktree.scratch import Scratch
from pfsfuse.worktree.slow import slow_allocation, slow_copy
from pfsfuse.worktree.worktree import EXCHANGE
from store import Entry

NOW = -1
"""A time: that of the call."""


class Writing:
    """The changes of one mount."""

    def __init__(self, inodes: Inodes, handles: Handles) -> None:
        self._inodes, self._handles = inodes, handles
        self.names = KnownNames(inodes, handles)

    # ---- names

    def make(self, parent: int, name: bytes, mode: int, *, target: bytes | None = None) -> Node:
        """A new file, directory or symlink (by the kind in `mode`). EPERM for others."""
        directory, branch = self._place(parent)
        item = branch.open().make(directory.own(), name, mode, target=target)
        return self.names.enter(directory, item)

    def create(self, parent: int, name: bytes, mode: int) -> tuple[Node, int]:
        """A new file, open; its node and the handle."""
        directory, branch = self._place(parent)
        regular = stat.S_IFREG | stat.S_IMODE(mode)
        # Held from the beginning, so that its scratch file is opened once.
        item = branch.open().make(directory.own(), name, regular, hold=True)
        node = self.names.enter(directory, item)
        assert isinstance(node, Written), "a file was made"
        return node, self._handles.add(OpenWritten(node))

    def remove(self, parent: int, name: bytes, *, directory: bool) -> None:
        """unlink(2) or (`directory`) rmdir(2). Who has it open goes on."""
        place, branch = self._place(parent)
        branch.open().remove(place.own(), name, directory=directory)
        self.names.lose(place, name)

    def rename(self, parent: int, name: bytes, to: int, to_name: bytes, flags: int) -> None:
        """rename(2) within a branch; EXDEV from one to another."""
        source, branch = self._place(parent)
        target, other = self._place(to)
        if branch is not other:
            refuse(errno.EXDEV)
        worktree = branch.open()
        worktree.rename(source.own(), name, target.own(), to_name, flags)
        if (parent, name) == (to, to_name):
            return
        moved, there = source.known.get(name), target.known.get(to_name)
        for place, each in ((source, name), (target, to_name)):
            self.names.note_elsewhere(place, each)
        if flags & EXCHANGE:
            if there is not None:
                self.names.move(there, source, name)
        elif there is not None:
            self.names.die(target, to_name, there)
        if moved is not None:
            self.names.move(moved, target, to_name)

    # ---- files

    def opens_for_change(self, flags: int) -> bool:
        return bool(flags & (os.O_ACCMODE | os.O_TRUNC | os.O_APPEND))

    def open(self, ino: int, flags: int) -> int:
        """A handle to write to, or to read what is written."""
        node = self._inodes.get(ino)
        if self.opens_for_change(flags):
            node = self._written(node)
            if flags & os.O_TRUNC:
                node.branch.open().truncate(node.file, 0)
        if not isinstance(node, Written):
            refuse(errno.EISDIR if isinstance(node, Directory) else errno.EROFS)
        if not node.branch.open().has(node.file):
            refuse(errno.ESTALE)  # it was removed, and nobody had it open
        return self._open(node)

    def write(self, fh: int, offset: int, data: bytes) -> int:
        handle = self._handle(fh)
        handle.node.branch.check_file_free(handle.node.file.number)
        if handle.scratch is None:
            self._check_copied(handle.node.branch, handle.node.file)
            handle.scratch = handle.node.branch.open().open(handle.node.file)
            handle.node.branch.open().release(handle.node.file)  # the handle holds it already
        handle.node.branch.open().note_shown(handle.node.file, handle.scratch)
        return handle.scratch.write(offset, data)

    def read(self, handle: OpenWritten, offset: int, size: int) -> bytes | Callable[[], bytes]:
        """The bytes, or how to get them in a thread."""
        file = handle.node.file
        if file.shown is None:
            entry, store = file.entry, handle.node.branch.store
            assert entry is not None, "a file that was made here is written"
            return lambda: store.fetch(store.extents(entry, offset, size))
        scratch = self.scratch(handle)
        if scratch.base is None:
            return scratch.read(offset, size)
        return lambda: scratch.read(offset, size)

    def scratch(self, handle: OpenWritten) -> Scratch:
        """The bytes of an open file that was written."""
        if handle.scratch is None:
            handle.scratch = handle.node.branch.open().files.open(handle.node.file)
        return handle.scratch

    def give(self, handle: OpenWritten, entry: Entry, tree: Entry) -> bool:
        """Make an open file hold what `entry` does, a file in `tree`, without copying; False when it is not empty."""
        node = handle.node
        node.branch.check_file_free(node.file.number)
        worktree = node.branch.open()
        if not worktree.has(node.file) or not worktree.may_be_given(node.file):
            return False
        worktree.give(node.file, entry, tree)
        for _, other in self._handles.items():
            if isinstance(other, OpenWritten) and other.node is node:
                other.scratch = None
        return True

    def allocate(self, fh: int, mode: int, offset: int, length: int) -> None:
        """fallocate(2): room in advance, holes and zeros; EOPNOTSUPP for anything else. Busy, TakesLong."""
        node = self._handle(fh).node
        branch, file = node.branch, node.file
        branch.check_file_free(file.number)
        self._check_copied(branch, file)
        worktree = branch.open()
        if (slow := slow_allocation(worktree, file, mode, offset, length)) is not None:
            raise TakesLong(branch, file.number, slow)
        worktree.allocate(file, mode, offset, length)

    def sync(self, fh: int) -> Callable[[], None]:
        """What makes the file durable, to be called in a thread."""
        handle = self._handles.get(fh)
        if isinstance(handle, OpenWritten):
            worktree, file = handle.node.branch.open(), handle.node.file
            return lambda: worktree.sync_file(file)
        return lambda: None

    def sync_directory(self, fh: int) -> Callable[[], None]:
        """What makes the names of an open directory's branch durable."""
        handle = self._handles.get(fh)
        node = handle.node if isinstance(handle, OpenDirectory) else None
        if isinstance(node, WritableDirectory) and node.branch.worktree is not None:
            return node.branch.worktree.sync
        return lambda: None

    def close(self, handle: OpenWritten) -> None:
        handle.node.branch.open().release(handle.node.file)

    # ---- attributes

    def change(
        self,
        ino: int,
        *,
        mode: int | None,
        size: int | None,
        mtime_ns: int | None,
        owner: tuple[int | None, int | None],
    ) -> Node:
        """setattr: what is None stays. EPERM for another owner: everything belongs to who mounted."""
        node = self._inodes.get(ino)
        if isinstance(node, MessageFile):
            return node  # cutting it off, as some programs do before they write, changes nothing
        branch, item = self._item(node)
        self._check_owner(owner)
        worktree = branch.open()
        if size is not None:
            if not isinstance(item, File):
                refuse(errno.EISDIR)
            if size:
                self._check_copied(branch, item)
            worktree.truncate(item, size)
        if mode is not None:
            worktree.set_mode(item, mode)
        if mtime_ns is not None:
            worktree.set_mtime(item, time.time_ns() if mtime_ns == NOW else mtime_ns)
        return self._inodes.get(ino)

    def set_attribute(self, ino: int, name: bytes, value: bytes | None, flags: int = 0) -> None:
        """setxattr(2) with XATTR_CREATE or XATTR_REPLACE, and (None) removexattr(2). EEXIST, ENODATA, ENOSPC, EPERM."""
        self.check_writable(ino)
        attributes.check_settable(name)
        node = self._inodes.get(ino)
        there = attributes.kept(node)
        if flags & os.XATTR_CREATE and name in there:
            refuse(errno.EEXIST)
        if (flags & os.XATTR_REPLACE or value is None) and name not in there:
            refuse(errno.ENODATA)
        if value is not None:
            attributes.check_room(there, name, value)
        branch, item = self._item(node)
        branch.open().set_xattr(item, name, value)

    @staticmethod
    def _check_owner(owner: tuple[int | None, int | None]) -> None:
        uid, gid = owner
        if uid not in (None, os.getuid()) or gid not in (None, os.getgid()):
            refuse(errno.EPERM)

    def check_writable(self, ino: int) -> None:
        """EROFS unless this can be changed in other ways than the one that is asked for."""
        node = self._inodes.get(ino)
        place = node if isinstance(node, Directory) else node.parent
        if not isinstance(place, WritableDirectory) or not place.branch.writable:
            refuse(errno.EROFS)

    # ---- how it is done

    def _place(self, ino: int) -> tuple[WritableDirectory, WritableBranch]:
        """The directory in which something is going to change. EROFS, Busy."""
        node = self._inodes.get(ino)
        if not isinstance(node, WritableDirectory) or not node.branch.writable:
            refuse(errno.EROFS if isinstance(node, Directory) else errno.ENOTDIR)
        node.branch.check_free()
        return node, node.branch

    @staticmethod
    def _check_copied(branch: WritableBranch, file: File) -> None:
        """TakesLong, where a file of the store must be copied before it is written to."""
        if (slow := slow_copy(branch.open(), file)) is not None:
            raise TakesLong(branch, file.number, slow)

    def _open(self, node: Written) -> int:
        node.branch.open().hold(node.file)
        return self._handles.add(OpenWritten(node))

    def _handle(self, fh: int) -> OpenWritten:
        handle = self._handles.get(fh)
        return handle if isinstance(handle, OpenWritten) else refuse(errno.EBADF)

    def _item(self, node: Node) -> tuple[WritableBranch, Item]:
        """What `node` is in its working tree, made an item if it was none. EROFS, ESTALE, Busy."""
        if isinstance(node, Written | WrittenLink):
            item: Item = node.file if isinstance(node, Written) else node.link
            node.branch.check_file_free(item.number)
            if not node.branch.open().has(item):
                refuse(errno.ESTALE)  # it was removed: whoever looks again finds what is there now
            return node.branch, item
        if isinstance(node, WritableDirectory):
            directory, branch = self._place(node.ino)
            return branch, directory.own()
        if isinstance(node, Leaf) and isinstance(node.parent, WritableDirectory):
            directory, branch = node.parent, node.parent.branch
            if not branch.writable:
                refuse(errno.EROFS)
            branch.check_free()
            now = directory.find(node.name)
            if not isinstance(now, Leaf) or now.entry != node.entry:
                refuse(errno.ESTALE)  # the branch has another file there by now
            item = branch.open().take(directory.own(), node.name)
            self.names.become(node, directory.item(item))
            return branch, item
        return refuse(errno.EROFS)

    def _written(self, node: Node) -> Written:
        """The node of a file that is going to be written to."""
        if isinstance(node, Directory):
            refuse(errno.EISDIR)
        _, item = self._item(node)
        if not isinstance(item, File):
            refuse(errno.EINVAL)
        found = self._inodes.get(node.ino)
        assert isinstance(found, Written), "a file's item has a node of that kind"
        return found
