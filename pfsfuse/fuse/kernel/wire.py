"""The protocol's structures and numbers (fuse(4), <linux/fuse.h>), version 7.31 and what is older.

Every request is a header and a body, every answer a header and a body; numbers are in the machine's byte order.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

MAJOR, MINOR = 7, 31
"""The version we speak. A kernel that speaks a newer one (there is none older than 7.31 since Linux 5.4) adapts."""

MAX_BODY = 1 << 20
"""Bytes in a read's answer or a write's request: 256 pages, the most that the kernel allows."""
MAX_PAGES = 256
MAX_BACKGROUND = 64
"""Readahead and releases that the kernel lets wait for us at a time; its default of 12 starves parallel readers."""
BUFFER = MAX_BODY + (64 << 10)
"""Bytes to receive a request in; the kernel refuses a smaller buffer than one write and its headers."""

REQUEST = Struct("=IIQQIIIHH")
"""length, opcode, unique, inode, uid, gid, pid, length of extensions, padding."""
ANSWER = Struct("=IiQ")
"""length, minus an errno (or 0, or the code of a notification), unique (0: a notification)."""

INIT_IN = Struct("=IIII")
"""major, minor, max_readahead, flags."""
INIT_OUT = Struct("=IIIIHHIIHHI28x")
"""major, minor, max_readahead, flags, max_background, congestion threshold, max_write, granularity of times (ns),
max_pages, alignment of maps, flags2."""

ENTRY = Struct("=QQQQIIQQQQQQIIIIIIIIII")
"""inode, generation, entry and attr timeout (s), the same (ns), then the attributes."""
ATTR = Struct("=QIIQQQQQQIIIIIIIIII")
"""timeout (s, ns), padding, then: inode, size, blocks, atime, mtime, ctime (s), the same (ns), mode, nlink, uid, gid,
rdev, blksize, flags."""
DIRENT = Struct("=QQII")
"""inode, offset of the next, length of the name, type."""
OPENED = Struct("=QII")
"""handle, flags, padding."""
STATFS = Struct("=QQQQQIIII24x")
SIZE = Struct("=II")
"""bytes, padding."""

TWO = Struct("=II")
FORGET = Struct("=Q")
FORGET_ONE = Struct("=QQ")
HANDLE = Struct("=Q")
SETATTR_IN = Struct("=IIQQQQQQIIIIIIII")
MKNOD_IN = Struct("=IIII")
RENAME2_IN = Struct("=QII")
CREATE_IN = Struct("=IIII")
READ_IN = Struct("=QQIIQII")
WRITE_IN = Struct("=QQIIQII")
FSYNC_IN = Struct("=QII")
SETXATTR_IN = Struct("=II")
FALLOCATE_IN = Struct("=QQQII")
LSEEK_IN = Struct("=QQII")
COPY_IN = Struct("=QQQQQQQ")
OFFSET_OUT = Struct("=Q")

INVAL_INODE = Struct("=Qqq")
INVAL_ENTRY = Struct("=QII")
STORE = Struct("=QQII")


class Op(IntEnum):
    """Kinds of requests."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    SETXATTR = 21
    GETXATTR = 22
    LISTXATTR = 23
    REMOVEXATTR = 24
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    RELEASEDIR = 29
    FSYNCDIR = 30
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    FALLOCATE = 43
    READDIRPLUS = 44
    RENAME2 = 45
    LSEEK = 46
    COPY_FILE_RANGE = 47


class Notify(IntEnum):
    """Kinds of notifications."""

    INVAL_INODE = 2
    INVAL_ENTRY = 3
    STORE = 4


ASYNC_READ = 1 << 0
ATOMIC_O_TRUNC = 1 << 3
BIG_WRITES = 1 << 5
DO_READDIRPLUS = 1 << 13
PARALLEL_DIROPS = 1 << 18
ABORT_ERROR = 1 << 21
HAS_MAX_PAGES = 1 << 22

WANTED = (
    ASYNC_READ | ATOMIC_O_TRUNC | BIG_WRITES | DO_READDIRPLUS | PARALLEL_DIROPS | ABORT_ERROR | HAS_MAX_PAGES
)
"""What we ask for at the greeting, as far as the kernel has it.

Not asked for: `READDIRPLUS_AUTO`, which would list some directories without attributes; `CACHE_SYMLINKS`, because a
ref's symlink may lead elsewhere tomorrow; locks, which the kernel keeps itself; `AUTO_INVAL_DATA`, because a number's
bytes do not change behind the kernel's back.
"""

DIRECT_IO = 1 << 0
KEEP_CACHE = 1 << 1
CACHE_DIR = 1 << 3
NOFLUSH = 1 << 5

SET_MODE, SET_UID, SET_GID, SET_SIZE, SET_ATIME, SET_MTIME, SET_FH = (1 << bit for bit in range(7))
SET_ATIME_NOW, SET_MTIME_NOW = 1 << 7, 1 << 8
FDATASYNC = 1 << 0
