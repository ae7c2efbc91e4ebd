"""Nodes as the kernel wants them: attributes, and how long it may keep them."""

from __future__ import annotations

import os
import stat

from pfsfuse.fuse.kernel.wire import ATTR, ENTRY
from pfsfuse.vfs.nodes import FOREVER, Node

BLOCK = 512
"""Bytes in a unit of st_blocks, whatever st_blksize says (stat(2))."""

PREFERRED_READ = 128 * 1024
"""st_blksize: what `cat` and `cp` read at a time."""

_UID, _GID = os.getuid(), os.getgid()
_KIND, _FILE = 0o170000, stat.S_IFREG
_SECOND = 1_000_000_000
_SECONDS = (1 << 64) - 1
"""Seconds travel unsigned; those before 1970 wrap around."""


def entry(node: Node, *, lasting: bool = True) -> bytes:
    """All the kernel is told about a name that leads to `node`. Not `lasting`: ask again next time."""
    ino = node.ino
    mode, size, mtime_ns = node.status()
    seconds, rest = divmod(mtime_ns, _SECOND)
    seconds &= _SECONDS
    timeout = node.attr_timeout if lasting else 0
    return ENTRY.pack(
        ino,
        0,
        int(node.entry_timeout) if lasting else 0,
        int(timeout),
        0,
        int(timeout % 1 * _SECOND),
        node.alias or ino,
        size,
        -(-size // BLOCK) if mode & _KIND == _FILE else 0,
        seconds,
        seconds,
        seconds,
        rest,
        rest,
        rest,
        mode,
        node.links,
        _UID,
        _GID,
        0,
        PREFERRED_READ,
        0,
    )


def attributes(node: Node) -> bytes:
    """The attributes of `node`, without a name."""
    mode, size, mtime_ns = node.status()
    seconds, rest = divmod(mtime_ns, _SECOND)
    seconds &= _SECONDS
    return ATTR.pack(
        int(node.attr_timeout),
        int(node.attr_timeout % 1 * _SECOND),
        0,
        node.alias or node.ino,
        size,
        -(-size // BLOCK) if mode & _KIND == _FILE else 0,
        seconds,
        seconds,
        seconds,
        rest,
        rest,
        rest,
        mode,
        node.links,
        _UID,
        _GID,
        0,
        PREFERRED_READ,
        0,
    )


ABSENT = ENTRY.pack(0, 0, int(FOREVER), *[0] * 19)
"""A name that never will be: number 0, which the kernel remembers as an absence."""
