"""The kernel's requests, each three lines: decode, ask the vfs, encode.

`answers` wraps every handler: it counts the request and turns errors into numbers, so that no exception leaves a
handler and ends the mount.
"""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import pyfuse3
import trio

from pfsfuse.fuse.attrs import absent, attributes, fill, room
from pfsfuse.fuse.errno import LOGGED, errno_of
from pfsfuse.vfs.vfs import NAME_MAX, Vfs
from store import Extent, StoreError

log = logging.getLogger(__name__)

INLINE_BYTES = 16 * 1024
"""Reads up to this size are fetched on the loop: random reads of 4 KiB, cold, 3,100/s against 1,800 to 2,400/s
through a thread, which costs more than one chunk. Larger ones leave the loop free for others."""

P = ParamSpec("P")
R = TypeVar("R")
Context = pyfuse3.RequestContext

READERS = 4
"""Threads that decompress at a time; more would only fight over the interpreter's lock."""


def answers(
    handler: Callable[Concatenate[Operations, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Operations, P], Coroutine[Any, Any, R]]:
    """Count the request, and answer any error with a number from the one table."""
    name = handler.__name__

    @functools.wraps(handler)
    async def answer(self: Operations, *args: P.args, **kwargs: P.kwargs) -> R:
        self.requests[name] += 1
        try:
            return await handler(self, *args, **kwargs)
        except pyfuse3.FUSEError:
            raise
        except Exception as error:
            number = errno_of(error)
            if number in LOGGED:
                log.error("%s: %s", self.describe(name, args), error, exc_info=_unforeseen(error))
            raise pyfuse3.FUSEError(number) from error

    return answer  # type: ignore[return-value]  # `wraps` makes it a callable object in the eyes of mypy


def _unforeseen(error: Exception) -> Exception | None:
    """The error, when it deserves a traceback: damage explains itself, a bug does not."""
    return None if hasattr(error, "hint") or isinstance(error, OSError) else error


def _stop_asking() -> NoReturn:
    raise pyfuse3.FUSEError(errno.ENOSYS)


class Operations(pyfuse3.Operations):
    """A mount's answers."""

    supports_dot_lookup = False
    enable_writeback_cache = False
    enable_acl = False

    def __init__(self, vfs: Vfs) -> None:
        super().__init__()
        self.vfs = vfs
        self.requests = vfs.requests
        self._threads = trio.CapacityLimiter(READERS)

    def describe(self, name: str, args: Sequence[Any]) -> str:
        """A request in words, for the log."""
        if name == "read":
            return f"read of {self.vfs.describe(args[0])} at {args[1]}"
        return f"{name}{tuple(arg for arg in args if isinstance(arg, int | bytes))}"

    # ---- names and attributes

    @answers
    async def lookup(self, parent_inode: int, name: bytes, ctx: Context) -> pyfuse3.EntryAttributes:
        node = self.vfs.lookup(parent_inode, name)
        return absent() if node is None else attributes(node)

    async def forget(self, inode_list: Sequence[tuple[int, int]]) -> None:
        self.requests["forget"] += 1
        self.vfs.forget(inode_list)

    @answers
    async def getattr(self, inode: int, ctx: Context) -> pyfuse3.EntryAttributes:
        return attributes(self.vfs.get(inode))

    @answers
    async def readlink(self, inode: int, ctx: Context) -> bytes:
        return self.vfs.target(inode)

    # ---- directories

    @answers
    async def opendir(self, inode: int, ctx: Context) -> int:
        return self.vfs.open_directory(inode)

    @answers
    async def readdir(self, fh: int, start_id: int, token: pyfuse3.ReaddirToken) -> None:
        entry = pyfuse3.EntryAttributes()
        for name, node, after, lasting in self.vfs.read_directory(fh, start_id):
            if not pyfuse3.readdir_reply(token, name, fill(entry, node, lasting=lasting), after):
                return

    @answers
    async def releasedir(self, fh: int) -> None:
        self.vfs.close(fh)

    # ---- files

    @answers
    async def open(self, inode: int, flags: int, ctx: Context) -> pyfuse3.FileInfo:
        opened = self.vfs.open(inode, flags)
        if opened.push:
            self._push(inode, opened.push)
        return pyfuse3.FileInfo(fh=opened.fh, keep_cache=not opened.direct, direct_io=opened.direct)

    @answers
    async def read(self, fh: int, off: int, size: int) -> bytes:
        plan = self.vfs.read_plan(fh, off, size)
        if isinstance(plan, bytes):
            return plan
        if size <= INLINE_BYTES:
            return self.vfs.store.fetch(plan)
        return await trio.to_thread.run_sync(self.vfs.store.fetch, plan, limiter=self._threads)

    def _push(self, inode: int, extents: tuple[Extent, ...]) -> None:
        """Put a small file into the page cache. Whatever is wrong with it, the read that follows will say."""
        with suppress(OSError, StoreError):
            pyfuse3.notify_store(inode, 0, self.vfs.store.fetch(extents))

    @answers
    async def release(self, fh: int) -> None:
        self.vfs.close(fh)

    async def flush(self, fh: int) -> None:
        _stop_asking()

    @answers
    async def fsync(self, fh: int, datasync: bool) -> None:
        """Nothing is unwritten."""

    @answers
    async def fsyncdir(self, fh: int, datasync: bool) -> None:
        """Nothing is unwritten."""

    @answers
    async def statfs(self, ctx: Context) -> pyfuse3.StatvfsData:
        return room(self.vfs.statfs(), NAME_MAX)

    # ---- extended attributes: refused for good, because `ls -l` asks for the ACL of every name

    async def getxattr(self, inode: int, name: bytes, ctx: Context) -> bytes:
        _stop_asking()

    async def listxattr(self, inode: int, ctx: Context) -> Sequence[bytes]:
        _stop_asking()

    # ---- changes: none

    @answers
    async def setattr(self, *args: Any, **kwargs: Any) -> pyfuse3.EntryAttributes:
        self.vfs.refuse_change()

    @answers
    async def mknod(self, *args: Any, **kwargs: Any) -> pyfuse3.EntryAttributes:
        self.vfs.refuse_change()

    @answers
    async def mkdir(self, *args: Any, **kwargs: Any) -> pyfuse3.EntryAttributes:
        self.vfs.refuse_change()

    @answers
    async def unlink(self, *args: Any, **kwargs: Any) -> None:
        self.vfs.refuse_change()

    @answers
    async def rmdir(self, *args: Any, **kwargs: Any) -> None:
        self.vfs.refuse_change()

    @answers
    async def symlink(self, *args: Any, **kwargs: Any) -> pyfuse3.EntryAttributes:
        self.vfs.refuse_change()

    @answers
    async def rename(self, *args: Any, **kwargs: Any) -> None:
        self.vfs.refuse_change()

    @answers
    async def link(self, *args: Any, **kwargs: Any) -> pyfuse3.EntryAttributes:
        self.vfs.refuse_change()

    @answers
    async def create(self, *args: Any, **kwargs: Any) -> tuple[pyfuse3.FileInfo, pyfuse3.EntryAttributes]:
        self.vfs.refuse_change()

    @answers
    async def write(self, *args: Any, **kwargs: Any) -> int:
        self.vfs.refuse_change()

    @answers
    async def setxattr(self, *args: Any, **kwargs: Any) -> None:
        self.vfs.refuse_change()

    @answers
    async def removexattr(self, *args: Any, **kwargs: Any) -> None:
        self.vfs.refuse_change()
