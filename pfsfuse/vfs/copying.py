"""copy_file_range(2) within a mount, and where files have data.

A file that is copied whole over an empty one is not copied: the new one holds what the old one does, as a file of the
store that was taken. Any other range goes through here, and not through the program that asks.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from pfsfuse.vfs.commits import CommitDirectory
from pfsfuse.vfs.handles import Handles, OpenFile, OpenText, OpenWritten
from pfsfuse.vfs.live import LiveDirectory
from pfsfuse.vfs.nodes import Directory, Leaf
from pfsfuse.vfs.writable import WritableDirectory
from pfsfuse.vfs.writing import Writing
from pfsfuse.worktree.rules import refuse
from store import Entry, Extent, Store

PIECE = 1 << 20
"""Bytes that are copied by one request at most: as many as one write brings."""

Read = Callable[[int, int, int], "bytes | tuple[Extent, ...] | Callable[[], bytes]"]


class Copying:
    """The copies of one mount."""

    def __init__(self, store: Store, handles: Handles, writing: Writing, read: Read) -> None:
        self._store, self._handles, self._writing, self._read = store, handles, writing, read

    def copy(self, source: int, start: int, target: int, at: int, length: int) -> int:
        """Copy up to `length` bytes of an open file to another; how many that were, 0 at the end. EBADF, Busy."""
        to = self._handles.get(target)
        if not isinstance(to, OpenWritten):
            refuse(errno.EBADF)
        given = self._whole(source, length) if start == at == 0 else None
        if given is not None and self._writing.give(to, *given):
            return given[0].size
        plan = self._read(source, start, min(length, PIECE))
        data = (
            plan
            if isinstance(plan, bytes)
            else self._store.fetch(plan)
            if isinstance(plan, tuple)
            else plan()
        )
        return self._writing.write(target, at, data) if data else 0

    def _whole(self, source: int, length: int) -> tuple[Entry, Entry] | None:
        """The file of the store that is open as `source`, and the tree that has it, if `length` is all of it."""
        handle = self._handles.get(source)
        if not isinstance(handle, OpenFile) or not 0 < handle.node.size <= length:
            return None
        return contained(self._store, handle.node)

    def seek(self, fh: int, offset: int, whence: int) -> int:
        """lseek(2) with SEEK_DATA or SEEK_HOLE. ENXIO beyond the end. Only what was written here has holes."""
        handle = self._handles.get(fh)
        if isinstance(handle, OpenWritten) and handle.node.file.shown is not None:
            return self._writing.scratch(handle).seek(offset, whence)
        if isinstance(handle, OpenText):
            size = len(handle.text)
        elif isinstance(handle, OpenFile | OpenWritten):
            size = handle.node.size
        else:
            refuse(errno.EISDIR)
        if offset >= size:
            refuse(errno.ENXIO)
        return size if whence == os.SEEK_HOLE else offset


def contained(store: Store, leaf: Leaf) -> tuple[Entry, Entry] | None:
    """The file `leaf` in the tree of the commit or branch that it is in, and that tree; None when it is not there now,
    so that nothing can be said to keep its bytes.
    """
    names, at = [leaf.name], leaf.parent
    while isinstance(at, Directory) and isinstance(at.parent, CommitDirectory | LiveDirectory):
        names.append(at.name)
        at = at.parent
    if not isinstance(at, CommitDirectory | LiveDirectory):
        return None
    tree = at.branch.below if isinstance(at, WritableDirectory) else at.entry
    found = tree
    for name in reversed(names):
        if found is None or not found.is_dir:
            return None
        found = store.lookup(found, name)
    if tree is None or found is None or not found.is_file:
        return None
    ours = leaf.entry
    same = (found.content, found.height, found.size) == (ours.content, ours.height, ours.size)
    return (found, tree) if same else None
