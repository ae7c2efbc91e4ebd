"""Copying and removing whole trees without touching what is in them."""

from __future__ import annotations

import errno
import posixpath

import store
from pfsfuse.filesystem.address import Address
from pfsfuse.filesystem.changes import Changes, Line
from pfsfuse.filesystem.errors import os_error
from pfsfuse.filesystem.place import branch


def copy(changes: Changes, source: Address, target: Address, verb: str = "copy") -> None:
    """Make `target` what is at `source`; a directory that is there is kept, and filled with what the other holds.

    In O(1), but for directories that both have. Raises FileNotFoundError, IsADirectoryError, NotADirectoryError.
    """
    found = changes.place(source).get()
    entry = found.entry if found.entry.is_dir else found.link or found.entry
    line = changes.line(target, verb)
    if not target.path and not entry.is_dir:
        raise store.IsADirectory(b"")
    _graft(changes.data, line, target.path, entry)


def _graft(data: store.Store, line: Line, path: str, entry: store.Entry) -> None:
    there = line.edit.find(path)
    if there is None or not (there.is_dir or entry.is_dir):
        line.graft(path, entry)
    elif not entry.is_dir:
        raise store.IsADirectory(path.encode("utf-8", "surrogateescape"))
    elif not there.is_dir:
        raise store.NotADirectory(path.encode("utf-8", "surrogateescape"))
    else:
        for below in data.iter_directory(entry):
            name = below.name.decode("utf-8", "surrogateescape")
            _graft(data, line, posixpath.join(path, name), below)


def move(changes: Changes, source: Address, target: Address) -> None:
    """The same, and remove `source`. Raises what `copy` raises; EINVAL for a directory into itself."""
    changes.place(source).get()  # which says what is missing
    (repo, name), (to_repo, to_name) = branch(changes.data, source), branch(changes.data, target)
    is_one_branch = (repo.name, name) == (to_repo.name, to_name)  # by whatever expressions
    if is_one_branch and source.path == target.path:
        return
    if is_one_branch and f"{target.path}/".startswith(f"{source.path}/"):
        raise os_error(errno.EINVAL, f"{source.path!r} cannot be moved into itself", source)
    copy(changes, source, target, "move to")
    changes.line(source, "move").remove(source.path)


def remove(changes: Changes, address: Address, *, recursive: bool) -> None:
    """Remove a file, or with `recursive` a directory and everything below it.

    Raises FileNotFoundError, IsADirectoryError.
    """
    branch(changes.data, address)
    there = changes.place(address)
    link_or_file = _itself(there.data, there.root, address)
    if link_or_file is None:
        there.get()
    elif link_or_file.is_dir and not recursive:
        raise os_error(
            errno.EISDIR, "it is a directory; recursive=True removes it with all it holds", address
        )
    changes.line(address, "remove").remove(address.path)


def remove_empty(changes: Changes, address: Address) -> None:
    """Remove an empty directory. Raises FileNotFoundError, NotADirectoryError; ENOTEMPTY."""
    if next(changes.place(address).iter(), None) is not None:
        raise os_error(errno.ENOTEMPTY, "the directory is not empty", address)
    if not address.path:
        hint = f"`pfs repo delete {address.repo}` removes a repo"
        raise os_error(errno.EPERM, f"a branch keeps its root; {hint}", address)
    changes.line(address, "remove").remove(address.path)


def _itself(data: store.Store, root: store.Entry, address: Address) -> store.Entry | None:
    """What is at the address, a symlink as it is; None when there is nothing."""
    at: store.Entry | None = root
    for name in store.names.path(address.path).split(b"/") if address.path else ():
        at = data.lookup(at, name) if at is not None and at.is_dir else None
    return at
