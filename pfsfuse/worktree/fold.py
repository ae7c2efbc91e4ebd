"""Laying what a working tree changed over the branch's draft in the store: the price is that of the changes."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, cast

import msgspec

from pfsfuse.worktree.model import File, Folder, Item, Symlink
from pfsfuse.worktree.reader import ScratchReader
from pfsfuse.worktree.worktree import Worktree
from store import Entry, HostFile, TreeEdit

Tell = Callable[[int, int], None]
"""Is told how many files and bytes more were dealt with."""


def lay(worktree: Worktree, edit: TreeEdit, tell: Tell | None = None) -> None:
    """Make in `edit` what is different in the working tree, in which nothing is changed.

    A file that is written meanwhile is taken as it is read. `tell` is told how many files and bytes more are there.
    Raises what the edit raises (Full, Corrupt), OSError.
    """
    root = worktree.model.root
    if root.mode != _IFDIR or root.xattrs != (None if root.below is None else root.below.xattrs):
        edit.mkdir(b"", mode=stat.S_IMODE(root.mode), xattrs=root.xattrs)
    _lay_folder(worktree, edit, root, b"", bare=False)
    edit.put_files(worktree.files.directory, _iter_whole(root), progress=tell)


_IFDIR = stat.S_IFDIR | 0o755


def _lay_folder(worktree: Worktree, edit: TreeEdit, folder: Folder, path: bytes, *, bare: bool) -> None:
    """Everything below a folder but the bytes of whole files. `bare`: the edit has nothing in it, so nothing need be
    looked for there.
    """
    # Names that are gone come first: what was moved over a directory must not meet what lay in it.
    for name, item in () if bare else folder.names.items():
        if item is None:
            _clear(edit, _join(path, name))
    for name, item in folder.names.items():
        if isinstance(item, File) and item.shown == 0 and bare:
            continue
        if item is not None:
            _lay_item(worktree, edit, item, _join(path, name), bare=bare)


def _lay_item(worktree: Worktree, edit: TreeEdit, item: Item, path: bytes, *, bare: bool) -> None:
    there = None if bare else edit.find(path)
    if isinstance(item, Folder):
        follows = item.follows and there is not None and there.is_dir
        if not follows:
            if there is not None:
                edit.remove(path)
            if item.below is not None:
                edit.graft(path, item.below)
        edit.mkdir(path, mode=stat.S_IMODE(item.mode), mtime_ns=item.mtime_ns, xattrs=item.xattrs)
        _lay_folder(worktree, edit, item, path, bare=not follows and item.below is None)
        return
    if there is not None and there.is_dir:
        edit.remove(path)
    if isinstance(item, Symlink):
        edit.symlink(path, item.target, mtime_ns=worktree.mtime_ns(item))
        return
    assert isinstance(item, File), "an item is a directory, a symlink or a file"
    if item.shown is None:
        assert item.entry is not None, "a file that was made here is written"
        edit.graft(path, _with(item.entry, item))
    elif item.shown:
        _lay_file(worktree, edit, item, path)


def _iter_whole(root: Folder) -> Iterator[HostFile]:
    """The files of which nothing shows through: all their bytes are in the scratch file. A directory's come together,
    in the order of names, for that is how they will be read.
    """
    todo = [(root, b"")]
    while todo:
        folder, path = todo.pop()
        below = []
        for name, item in sorted(folder.names.items()):
            if isinstance(item, Folder):
                below.append((item, _join(path, name)))
            elif isinstance(item, File) and item.shown == 0:
                yield HostFile(b"%d" % item.number, _join(path, name), stat.S_IMODE(item.mode), item.xattrs)
        todo += reversed(below)


def count_whole(worktree: Worktree) -> int:
    """How many files there are of which nothing shows through."""
    items = worktree.model.items.values()
    return sum(isinstance(item, File) and item.shown == 0 and item.folder is not None for item in items)


def _lay_file(worktree: Worktree, edit: TreeEdit, file: File, path: bytes) -> None:
    mode, mtime_ns = stat.S_IMODE(file.mode), worktree.mtime_ns(file)
    with worktree.opened(file) as scratch:
        base, changed, content = scratch.base, scratch.changed(), cast(BinaryIO, ScratchReader(scratch))
        if base is None or changed is None:
            edit.write(path, content, mode=mode, mtime_ns=mtime_ns)
        else:
            shown = min(scratch.shown, base.size)
            hidden = [(shown, base.size)] if shown < base.size else []
            edit.splice(path, base, [*changed, *hidden], content, scratch.size, mode=mode, mtime_ns=mtime_ns)
    if file.xattrs:
        entry = edit.find(path)
        assert entry is not None, "it was written just now"
        edit.graft(path, _with_attributes(entry, file.xattrs))


def _with(entry: Entry, item: File) -> Entry:
    changed = msgspec.structs.replace(
        entry, mode=item.mode, mtime_ns=entry.mtime_ns if item.mtime_ns is None else item.mtime_ns
    )
    return _with_attributes(changed, item.xattrs)


def _with_attributes(entry: Entry, xattrs: Mapping[bytes, bytes] | None) -> Entry:
    return msgspec.structs.replace(entry, xattrs=dict(xattrs) if xattrs else None)


def _clear(edit: TreeEdit, path: bytes) -> None:
    if edit.find(path) is not None:
        edit.remove(path)


def _join(path: bytes, name: bytes) -> bytes:
    return path + b"/" + name if path else name
