"""Identities of nodes: 16 bytes that say what a node is, from which its inode number follows.

    a file or symlink of a commit   kind, content, mode, mtime: one page cache for all of history
    a directory of a commit         top-level name, commit, path: the kernel allows a directory one place only
    a file or symlink of a branch   repo, branch, path, version: a new version is another file, as after a rename
    a directory of a branch         top-level name, branch, path: keeps its number when the head moves

A number is the key's first 63 bits, so that it survives remounts without a table on disk; `inodes.py` settles
the collision of two keys.

Programs could be told another number than the kernel (`Node.alias`), and of directories that are equal in two commits
the same one, so that `diff -r` need not enter them. But then `tar --listed-incremental` takes one for the other after a
renaming, and its archives bring back the files of only one of them; and `cp -r` refuses the second one it meets.
"""

from __future__ import annotations

from hashlib import blake2b

from store import Entry

SIZE = 16


def root_key(*parts: bytes) -> bytes:
    """The key of something named by `parts`; no two lists of parts collide by joining."""
    hasher = blake2b(digest_size=SIZE, person=b"pfs root")
    for part in parts:
        hasher.update(len(part).to_bytes(4, "big") + part)
    return hasher.digest()


def child_key(parent: bytes, name: bytes) -> bytes:
    """The key of what is called `name` below the directory `parent`."""
    return blake2b(name, key=parent, digest_size=SIZE, person=b"pfs child").digest()


def leaf_key(entry: Entry, place: bytes = b"") -> bytes:
    """The key of a version of a file or symlink: equal for equal content, mode and mtime at the same `place`.

    Under commits there is no place (b""); under a branch it is the key of the path.
    """
    what = entry.target if entry.target is not None else entry.content or b""
    stamp = b"%d %d %d %d " % (entry.mode, entry.mtime_ns, entry.height, entry.size)
    return blake2b(stamp + what, key=place, digest_size=SIZE, person=b"pfs leaf").digest()


def alias(key: bytes) -> int:
    """The number that programs are told for what `key` says, where it is not the kernel's; never 0 in practice."""
    return int.from_bytes(key[:8], "big") >> 1
