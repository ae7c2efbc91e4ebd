"""The kernel's requests that change something, each three lines.

While a branch's changes are moved into the store it is `Busy`, and so is a file that is being copied: such a request
waits until that is over and is asked again. What must reach the disk is answered by a thread.
"""

from __future__ import annotations

import errno
import functools
import os
import stat
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import trio

from pfsfuse.fuse.attrs import attributes, entry
from pfsfuse.fuse.kernel import Later, replies
from pfsfuse.fuse.kernel import requests as kernel
from pfsfuse.fuse.kernel.requests import Caller
from pfsfuse.fuse.turns import Request
from pfsfuse.vfs.branches import Busy, TakesLong
from pfsfuse.vfs.handles import OpenMessage
from pfsfuse.vfs.messages import message_of
from pfsfuse.vfs.vfs import Vfs
from pfsfuse.vfs.writing import NOW

P = ParamSpec("P")
S = TypeVar("S", bound="Changes")
R = TypeVar("R")

COPIERS = 2
"""Files that are copied at a time, because something is changed that cannot show through any more."""


def when_free(
    handler: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[S, P], R | Coroutine[Any, Any, R]]:
    """Answer on the spot, or in its turn (`turns.py`)."""

    @functools.wraps(handler)
    def answer(self: S, *args: P.args, **kwargs: P.kwargs) -> R | Coroutine[Any, Any, R]:
        try:
            return handler(self, *args, **kwargs)
        except Busy as busy:
            join: Any = busy.queue.join
        except TakesLong as long:
            join = long
        return Request(partial(handler, self, *args, **kwargs), join).answer(self.copiers)

    return answer  # type: ignore[return-value]  # `wraps` gives it a type with named arguments


class Changes:
    """A mount's answers to requests that change something."""

    def __init__(self, vfs: Vfs, *, attributes: bool = False) -> None:
        self.vfs = vfs
        self._attributes = attributes
        self.copiers = trio.CapacityLimiter(COPIERS)

    # ---- names

    @when_free
    def mknod(self, parent: int, name: bytes, mode: int, rdev: int, caller: Caller) -> bytes:
        return entry(self.vfs.writing.make(parent, name, mode))

    @when_free
    def mkdir(self, parent: int, name: bytes, mode: int, caller: Caller) -> bytes:
        return entry(self.vfs.writing.make(parent, name, stat.S_IFDIR | stat.S_IMODE(mode)))

    @when_free
    def symlink(self, parent: int, name: bytes, target: bytes, caller: Caller) -> bytes:
        return entry(self.vfs.writing.make(parent, name, stat.S_IFLNK | 0o777, target=target))

    @when_free
    def create(self, parent: int, name: bytes, mode: int, flags: int, caller: Caller) -> bytes:
        node, fh = self.vfs.writing.create(parent, name, mode)
        return entry(node) + replies.opened(fh, keep_cache=True, no_flush=True)

    @when_free
    def unlink(self, parent: int, name: bytes, caller: Caller) -> None:
        self.vfs.writing.remove(parent, name, directory=False)

    @when_free
    def rmdir(self, parent: int, name: bytes, caller: Caller) -> None:
        self.vfs.writing.remove(parent, name, directory=True)

    @when_free
    def rename(
        self, parent: int, name: bytes, new_parent: int, new_name: bytes, flags: int, caller: Caller
    ) -> None:
        self.vfs.writing.rename(parent, name, new_parent, new_name, flags)

    def link(self, inode: int, parent: int, name: bytes, caller: Caller) -> NoReturn:
        """A file has one name: EPERM, as on file systems without hard links; EROFS where nothing can be written."""
        self.vfs.writing.check_writable(parent)
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    # ---- files

    def write(self, fh: int, offset: int, data: bytes) -> bytes | Coroutine[Any, Any, bytes]:
        handle = self.vfs.handles.get(fh)
        return (
            self._commit(handle, data) if isinstance(handle, OpenMessage) else self._write(fh, offset, data)
        )

    async def _commit(self, handle: OpenMessage, data: bytes) -> bytes:
        """The commit is there, or has failed, when the write returns."""
        if self.vfs.committing is None:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        await self.vfs.committing.commit(handle.node.repo, handle.node.branch, message_of(data))
        return replies.written(len(data))

    @when_free
    def _write(self, fh: int, offset: int, data: bytes) -> bytes:
        return replies.written(self.vfs.writing.write(fh, offset, data))

    @when_free
    def setattr(self, inode: int, changes: kernel.Changes, fh: int | None, caller: Caller) -> bytes:
        mtime_ns = NOW if changes.mtime_ns == kernel.NOW else changes.mtime_ns
        node = self.vfs.writing.change(
            inode, mode=changes.mode, size=changes.size, mtime_ns=mtime_ns, owner=(changes.uid, changes.gid)
        )
        return attributes(node)

    @when_free
    def fallocate(self, fh: int, mode: int, offset: int, length: int) -> None:
        self.vfs.writing.allocate(fh, mode, offset, length)

    @when_free
    def copy_file_range(self, source: int, start: int, target: int, at: int, length: int) -> bytes:
        return replies.written(self.vfs.copying.copy(source, start, target, at, length))

    def fsync(self, fh: int, datasync: bool) -> Later:
        return Later(self.vfs.writing.sync(fh))

    def fsyncdir(self, fh: int, datasync: bool) -> Later:
        return Later(self.vfs.writing.sync_directory(fh))

    # ---- extended attributes

    @when_free
    def setxattr(self, inode: int, name: bytes, value: bytes, flags: int, caller: Caller) -> None:
        self._check_attributes(inode)
        self.vfs.writing.set_attribute(inode, name, value, flags)

    @when_free
    def removexattr(self, inode: int, name: bytes, caller: Caller) -> None:
        self._check_attributes(inode)
        self.vfs.writing.set_attribute(inode, name, None)

    def _check_attributes(self, inode: int) -> None:
        """EROFS where nothing can be changed; EOPNOTSUPP where attributes are not spoken of."""
        self.vfs.writing.check_writable(inode)
        if not self._attributes:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
