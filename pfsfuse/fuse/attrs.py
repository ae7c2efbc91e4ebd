"""Nodes as the kernel wants them: attributes, and how long it may keep them."""

from __future__ import annotations

import os
import stat

import pyfuse3

from pfsfuse.vfs.nodes import FOREVER, Node

BLOCK = 512
"""Bytes in a unit of st_blocks, whatever st_blksize says (stat(2))."""

PREFERRED_READ = 128 * 1024
"""st_blksize: what `cat` and `cp` read at a time."""

_UID, _GID = os.getuid(), os.getgid()


def attributes(node: Node) -> pyfuse3.EntryAttributes:
    """All the kernel is told about `node`."""
    return fill(pyfuse3.EntryAttributes(), node, lasting=True)


def fill(into: pyfuse3.EntryAttributes, node: Node, *, lasting: bool) -> pyfuse3.EntryAttributes:
    """The same, written over another node's: one object serves a whole listing. Not `lasting`: ask again next time."""
    into.st_ino = node.ino
    into.st_mode = mode = node.mode
    into.st_size = size = node.size
    into.st_nlink = 1
    into.st_uid = _UID
    into.st_gid = _GID
    into.st_blksize = PREFERRED_READ
    into.st_blocks = -(-size // BLOCK) if stat.S_ISREG(mode) else 0
    into.st_mtime_ns = into.st_ctime_ns = into.st_atime_ns = node.mtime_ns
    into.entry_timeout = node.entry_timeout if lasting else 0.0
    into.attr_timeout = node.attr_timeout if lasting else 0.0
    return into


def absent() -> pyfuse3.EntryAttributes:
    """A name that never will be: number 0, which the kernel remembers as an absence."""
    nothing = pyfuse3.EntryAttributes()
    nothing.st_ino = 0
    nothing.entry_timeout = FOREVER
    return nothing


def room(status: os.statvfs_result, namemax: int) -> pyfuse3.StatvfsData:
    """The figures of the file system that holds the store."""
    data = pyfuse3.StatvfsData()
    for field in ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail"):
        setattr(data, field, getattr(status, field))
    data.f_namemax = namemax
    return data
