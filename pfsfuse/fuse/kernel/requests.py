"""From a request's bytes to a handler's name and its arguments; pure.

`DECODERS` says for each kind of request which method answers it and what it is given. What the kernel sends has
been checked by the kernel, so nothing here is defensive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from pfsfuse.fuse.kernel import wire
from pfsfuse.fuse.kernel.wire import Op


class Caller(NamedTuple):
    """Who asks; all 0 when the kernel itself does (readahead, forgetting)."""

    uid: int
    gid: int
    pid: int
    umask: int = 0
    """Given with requests that make something; the kernel has applied it already."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What `setattr` is to change; None: leave it."""

    mode: int | None
    uid: int | None
    gid: int | None
    size: int | None
    atime_ns: int | None
    """-1: now."""
    mtime_ns: int | None
    """-1: now."""


Decoder: TypeAlias = "Callable[[int, memoryview, Caller], tuple[Any, ...]]"

NOW = -1


def _name(body: memoryview) -> bytes:
    return bytes(body[:-1])


def _two_names(body: memoryview) -> tuple[bytes, bytes]:
    first, second, _ = bytes(body).split(b"\0", 2)
    return first, second


def _umask(caller: Caller, umask: int) -> Caller:
    return Caller(caller.uid, caller.gid, caller.pid, umask)


def _named(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return inode, _name(body), caller


def _forget(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return ([(inode, wire.FORGET.unpack_from(body)[0])],)


def _batch_forget(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    count, _ = wire.TWO.unpack_from(body)
    return (list(wire.FORGET_ONE.iter_unpack(body[8 : 8 + 16 * count])),)


def _getattr(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return (inode,)


def _setattr(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    valid, _, fh, size, _, atime, mtime, _, atime_ns, mtime_ns, _, mode, _, uid, gid, _ = (
        wire.SETATTR_IN.unpack_from(body)
    )
    now_a, now_m = valid & wire.SET_ATIME_NOW, valid & wire.SET_MTIME_NOW
    changes = Changes(
        mode=mode if valid & wire.SET_MODE else None,
        uid=uid if valid & wire.SET_UID else None,
        gid=gid if valid & wire.SET_GID else None,
        size=size if valid & wire.SET_SIZE else None,
        atime_ns=NOW if now_a else _ns(atime, atime_ns) if valid & wire.SET_ATIME else None,
        mtime_ns=NOW if now_m else _ns(mtime, mtime_ns) if valid & wire.SET_MTIME else None,
    )
    return inode, changes, fh if valid & wire.SET_FH else None, caller


def _ns(seconds: int, nanoseconds: int) -> int:
    """Seconds travel unsigned and mean signed ones: times before 1970."""
    return (seconds - (1 << 64) if seconds >> 63 else seconds) * 1_000_000_000 + nanoseconds


def _inode(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return (inode,)


def _symlink(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return inode, *_two_names(body), caller


def _mknod(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    mode, rdev, umask, _ = wire.MKNOD_IN.unpack_from(body)
    return inode, _name(body[16:]), mode, rdev, _umask(caller, umask)


def _mkdir(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    mode, umask = wire.TWO.unpack_from(body)
    return inode, _name(body[8:]), mode, _umask(caller, umask)


def _rename(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    (new_parent,) = wire.HANDLE.unpack_from(body)
    old, new = _two_names(body[8:])
    return inode, old, new_parent, new, 0, caller


def _rename2(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    new_parent, flags, _ = wire.RENAME2_IN.unpack_from(body)
    old, new = _two_names(body[16:])
    return inode, old, new_parent, new, flags, caller


def _link(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    (target,) = wire.HANDLE.unpack_from(body)
    return target, inode, _name(body[8:]), caller


def _open(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return inode, wire.TWO.unpack_from(body)[0], caller


def _read(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    fh, offset, size, *_ = wire.READ_IN.unpack_from(body)
    return fh or inode, offset, size


def _write(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    # The bytes are copied: the buffer is used again as soon as a handler waits.
    fh, offset, size, *_ = wire.WRITE_IN.unpack_from(body)
    return fh, offset, bytes(body[wire.WRITE_IN.size : wire.WRITE_IN.size + size])


def _handle(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return wire.HANDLE.unpack_from(body)


def _fsync(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    fh, flags, _ = wire.FSYNC_IN.unpack_from(body)
    return fh, bool(flags & wire.FDATASYNC)


def _nothing(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return ()


def _setxattr(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    size, flags = wire.SETXATTR_IN.unpack_from(body)
    name, _, rest = bytes(body[8:]).partition(b"\0")
    return inode, name, rest[:size], flags, caller


def _getxattr(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return inode, _name(body[8:]), wire.SIZE.unpack_from(body)[0]


def _listxattr(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    return inode, wire.SIZE.unpack_from(body)[0]


def _create(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    flags, mode, umask, _ = wire.CREATE_IN.unpack_from(body)
    return inode, _name(body[16:]), mode, flags, _umask(caller, umask)


def _fallocate(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    fh, offset, length, mode, _ = wire.FALLOCATE_IN.unpack_from(body)
    return fh, mode, offset, length


def _lseek(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    fh, offset, whence, _ = wire.LSEEK_IN.unpack_from(body)
    return fh, offset, whence


def _copy(inode: int, body: memoryview, caller: Caller) -> tuple[Any, ...]:
    fh_in, offset_in, _, fh_out, offset_out, length, _ = wire.COPY_IN.unpack_from(body)
    return fh_in, offset_in, fh_out, offset_out, length


DECODERS: dict[int, tuple[str, Decoder]] = {
    Op.LOOKUP: ("lookup", _named),
    Op.FORGET: ("forget", _forget),
    Op.BATCH_FORGET: ("forget", _batch_forget),
    Op.GETATTR: ("getattr", _getattr),
    Op.SETATTR: ("setattr", _setattr),
    Op.READLINK: ("readlink", _inode),
    Op.SYMLINK: ("symlink", _symlink),
    Op.MKNOD: ("mknod", _mknod),
    Op.MKDIR: ("mkdir", _mkdir),
    Op.UNLINK: ("unlink", _named),
    Op.RMDIR: ("rmdir", _named),
    Op.RENAME: ("rename", _rename),
    Op.RENAME2: ("rename", _rename2),
    Op.LINK: ("link", _link),
    Op.OPEN: ("open", _open),
    Op.READ: ("read", _read),
    Op.WRITE: ("write", _write),
    Op.STATFS: ("statfs", _nothing),
    Op.RELEASE: ("release", _handle),
    Op.FSYNC: ("fsync", _fsync),
    Op.SETXATTR: ("setxattr", _setxattr),
    Op.GETXATTR: ("getxattr", _getxattr),
    Op.LISTXATTR: ("listxattr", _listxattr),
    Op.REMOVEXATTR: ("removexattr", _named),
    Op.FLUSH: ("flush", _handle),
    Op.OPENDIR: ("opendir", _open),
    Op.READDIRPLUS: ("readdir", _read),
    Op.RELEASEDIR: ("releasedir", _handle),
    Op.FSYNCDIR: ("fsyncdir", _fsync),
    Op.CREATE: ("create", _create),
    Op.FALLOCATE: ("fallocate", _fallocate),
    Op.LSEEK: ("lseek", _lseek),
    Op.COPY_FILE_RANGE: ("copy_file_range", _copy),
}
"""Kinds of requests: the method that answers, and its arguments.

    lookup(parent, name, caller)                 open(inode, flags, caller)          opendir(inode, flags, caller)
    forget([(inode, count), …])                  read(fh, offset, size)              readdir(fh, offset, size)
    getattr(inode)                               write(fh, offset, data)             releasedir(fh)
    setattr(inode, changes, fh | None, caller)   flush(fh)   release(fh)             fsyncdir(fh, datasync)
    readlink(inode)                              fsync(fh, datasync)                 statfs()
    symlink(parent, name, target, caller)        create(parent, name, mode, flags, caller)
    mknod(parent, name, mode, rdev, caller)      mkdir(parent, name, mode, caller)
    unlink(parent, name, caller)                 rmdir(parent, name, caller)
    rename(parent, name, new_parent, new_name, flags, caller)        link(inode, parent, name, caller)
    setxattr(inode, name, value, flags, caller)  getxattr(inode, name, size)   listxattr(inode, size)
    removexattr(inode, name, caller)             fallocate(fh, mode, offset, length)
    lseek(fh, offset, whence)                    copy_file_range(fh_in, offset_in, fh_out, offset_out, length)

Where `open` is refused with ENOSYS the kernel asks no more and reads without a handle: `read` is given the inode then.
"""
