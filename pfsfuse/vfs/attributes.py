"""Extended attributes: those that people set, which are kept in commits, and those that are worked out.

    user.pfs.repo          the repo's name
    user.pfs.commit        the commit's id; of a branch, that of the commit which it shows, with what was written since
    user.pfs.provenance    the commits that it was computed from, REPO@ID, one a line
    user.pfs.digest        64 hex digits: equal for files of equal contents, and for directories of equal files
    user.pfs.size          bytes, of a directory those of all files below

The latter can be read and not set, and are not listed: whoever copies a file with its attributes would otherwise take
along what is true here alone, and be refused on the way back. What was changed and is not staged has no digest.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

from pfsfuse.vfs.commits import ApartDirectory, CommitDirectory
from pfsfuse.vfs.live import LiveDirectory
from pfsfuse.vfs.namespace import HostDirectory
from pfsfuse.vfs.nodes import Directory, Leaf, Node
from pfsfuse.vfs.writable import WritableDirectory
from pfsfuse.vfs.written import Written
from pfsfuse.worktree.rules import refuse
from store import Commit, Entry, Repo

OURS = b"user.pfs."
PEOPLES = b"user."
ROOM = 65536
"""Bytes that the names and values of one file may take together: what the kernel lets a single value be."""


def get(node: Node, name: bytes) -> bytes:
    """The value. ENODATA: there is none; EOPNOTSUPP for another kind than people's own."""
    if not name.startswith(PEOPLES):
        refuse(errno.EOPNOTSUPP)
    found = _computed(node, name[len(OURS) :]) if name.startswith(OURS) else kept(node).get(name)
    return refuse(errno.ENODATA) if found is None else found


def names(node: Node) -> list[bytes]:
    """Those that were set."""
    return sorted(kept(node))


def check_settable(name: bytes) -> None:
    """EOPNOTSUPP for another kind than people's own, EPERM for what is worked out."""
    if not name.startswith(PEOPLES):
        refuse(errno.EOPNOTSUPP)
    if name.startswith(OURS):
        refuse(errno.EPERM)


def check_room(there: Mapping[bytes, bytes], name: bytes, value: bytes) -> None:
    """ENOSPC when a file with the attributes `there` cannot take this one."""
    others = sum(len(each) + len(held) for each, held in there.items() if each != name)
    if others + len(name) + len(value) > ROOM:
        refuse(errno.ENOSPC)


def kept(node: Node) -> Mapping[bytes, bytes]:
    """Those that were set, with their values."""
    if isinstance(node, Written):
        return node.file.xattrs or {}
    if isinstance(node, WritableDirectory) and (folder := node.state()[0]) is not None:
        return folder.xattrs or {}
    entry = _entry(node)
    return (None if entry is None else entry.xattrs) or {}


def _entry(node: Node) -> Entry | None:
    """What the store has there, unless it was changed since."""
    if isinstance(node, WritableDirectory):
        folder, below = node.state()
        return None if folder is not None and folder.names else below
    return node.entry if isinstance(node, Leaf | LiveDirectory | CommitDirectory) else None


def _computed(node: Node, name: bytes) -> bytes | None:
    entry = _entry(node)
    match name:
        case b"size":
            if isinstance(node, Written):
                return b"%d" % node.size
            return None if entry is None else b"%d" % entry.size
        case b"digest":
            return None if entry is None else entry.identity().hex().encode()
        case b"repo":
            repo = _repo(_top(node))
            return None if repo is None else repo.name.encode()
        case b"commit":
            commit = _commit(_top(node))
            return None if commit is None else str(commit.id).encode()
        case b"provenance":
            commit = _commit(_top(node))
            lines = [f"{each.repo}@{each.commit}" for each in (commit.provenance if commit else ())]
            return "\n".join(lines).encode() if lines else None
    return None


def _top(node: Node) -> Directory | None:
    """The directory of a branch or a commit that it is in."""
    at: Node | None = node
    while at is not None and not isinstance(at.parent, HostDirectory):
        at = at.parent
    return at if isinstance(at, LiveDirectory | CommitDirectory) else None


def _repo(top: Directory | None) -> Repo | None:
    if top is None or not isinstance(top.parent, HostDirectory):
        return None
    return top.parent.store.find_repo(top.parent.meaning(top.name).partition(b"@")[0].decode())


def _commit(top: Directory | None) -> Commit | None:
    if isinstance(top, ApartDirectory):
        return top.commit
    repo = _repo(top)
    if repo is None or not isinstance(top, LiveDirectory) or not isinstance(top.parent, HostDirectory):
        return None
    return repo.standing(top.parent.meaning(top.name).partition(b"@")[2].decode() or repo.default_branch).base
