"""The kernel's requests, each three lines: the session has decoded it; ask the vfs, encode.

A plain method is answered on the spot and must not wait. A `Later` is worked out in a thread. What is raised goes
through `failed`, so that no exception leaves a handler and ends the mount.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from pfsfuse.fuse.attrs import ABSENT, attributes, entry
from pfsfuse.fuse.changes import Changes, when_free
from pfsfuse.fuse.errno import LOGGED, errno_of
from pfsfuse.fuse.kernel import Later, Lent, Session, Then, replies
from pfsfuse.fuse.kernel.requests import Caller
from pfsfuse.vfs.handles import OpenFile
from pfsfuse.vfs.vfs import Vfs
from store import Extent, StoreError, names

log = logging.getLogger(__name__)

INLINE_BYTES = 16 * 1024
"""Reads up to this size are fetched on the loop: random reads of 4 KiB, cold, 3,100/s against 1,800 to 2,400/s
through a thread, which costs more than one chunk. Larger ones leave the loop free for others."""


def _unforeseen(error: Exception) -> Exception | None:
    """The error, when it deserves a traceback: damage explains itself, a bug does not."""
    return None if hasattr(error, "hint") or isinstance(error, OSError) else error


def _stop_asking() -> NoReturn:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


class Operations(Changes):
    """A mount's answers."""

    def __init__(self, vfs: Vfs, *, opens: bool = True, attributes: bool = False) -> None:
        """Without `opens` files are read without being opened, so nothing of a kind that must be opened is shown.
        `attributes`: extended ones, too.
        """
        super().__init__(vfs, attributes=attributes)
        self._opens = opens
        self.session: Session | None = None
        """Who can put pages into the kernel's cache; None until the mount is there."""
        self.answered = vfs.meter.count

    def failed(self, name: str, args: tuple[Any, ...], error: Exception) -> int:
        """The number from the one table; what says nothing to the program is logged."""
        number = errno_of(error)
        if number in LOGGED:
            log.error("%s: %s", self._describe(name, args), error, exc_info=_unforeseen(error))
        return number

    def _describe(self, name: str, args: Sequence[Any]) -> str:
        """A request in words, for the log."""
        if name == "read" and args:
            return f"read of {self._what(args[0])} at {args[1]}"
        return f"{name}{tuple(arg for arg in args if isinstance(arg, int | bytes))}"

    def _what(self, number: int) -> str:
        with suppress(OSError):
            if not self._opens:
                return self.vfs.describe(self.vfs.get(number))
            handle = self.vfs.handles.get(number)
            return self.vfs.describe(handle.node) if isinstance(handle, OpenFile) else type(handle).__name__
        return f"number {number}"

    # ---- names and attributes

    def lookup(self, parent: int, name: bytes, caller: Caller) -> bytes:
        node = self.vfs.lookup(parent, name)
        return ABSENT if node is None else entry(node)

    def forget(self, forgotten: Sequence[tuple[int, int]]) -> None:
        self.vfs.forget(forgotten)

    def getattr(self, inode: int) -> bytes:
        return attributes(self.vfs.get(inode))

    def readlink(self, inode: int) -> bytes:
        return self.vfs.target(inode)

    # ---- directories

    def opendir(self, inode: int, flags: int, caller: Caller) -> bytes:
        opened = self.vfs.open_directory(inode)
        return replies.opened(opened.fh, cache_directory=opened.cacheable, keep_cache=opened.unchanged)

    def readdir(self, fh: int, offset: int, size: int) -> Then:
        page = replies.Page(size)
        for name, node, after, lasting in self.vfs.read_directory(fh, offset):
            if not page.add(entry(node, lasting=lasting), name, node.alias or node.ino, node.mode, after):
                break
        return Then(page.answer(), partial(self.vfs.make_ready, fh))

    def releasedir(self, fh: int) -> None:
        self.vfs.close(fh)

    # ---- files

    @when_free
    def open(self, inode: int, flags: int, caller: Caller) -> bytes:
        if not self._opens:
            _stop_asking()
        opened = self.vfs.open(inode, flags)
        if opened.push:
            self._push(inode, opened.push)
        return replies.opened(opened.fh, keep_cache=not opened.direct, direct=opened.direct, no_flush=True)

    def read(self, fh: int, offset: int, size: int) -> bytes | Later | Lent:
        plan = (self.vfs.read_plan if self._opens else self.vfs.read_node)(fh, offset, size)
        if isinstance(plan, bytes):
            return plan
        if callable(plan):
            return Later(plan)
        if size <= INLINE_BYTES:
            return self.vfs.store.fetch(plan)
        return Lent(partial(self.vfs.store.lend, plan))

    def fsync(self, fh: int, datasync: bool) -> Later:
        if not self._opens:
            _stop_asking()  # there is no handle to speak of, and nothing that could be lost
        return super().fsync(fh, datasync)

    def _push(self, inode: int, extents: tuple[Extent, ...]) -> None:
        """Put a small file into the page cache. Whatever is wrong with it, the read that follows will say."""
        if self.session is not None:
            with suppress(OSError, StoreError):
                self.session.store(inode, 0, self.vfs.store.fetch(extents))

    def lseek(self, fh: int, offset: int, whence: int) -> bytes:
        if not self._opens:
            _stop_asking()  # there is no handle to speak of, and nothing here has holes
        return replies.offset(self.vfs.copying.seek(fh, offset, whence))

    def release(self, fh: int) -> None:
        self.vfs.close(fh)

    def flush(self, fh: int) -> None:
        _stop_asking()

    def statfs(self) -> bytes:
        return replies.room(self.vfs.statfs(), names.MAX_NAME)

    # ---- extended attributes: unless asked for, refused for good, because `ls -l` asks for the ACL of every name

    def getxattr(self, inode: int, name: bytes, size: int) -> bytes:
        if not self._attributes:
            _stop_asking()
        return replies.sized(self.vfs.attribute(inode, name), size)

    def listxattr(self, inode: int, size: int) -> bytes:
        if not self._attributes:
            _stop_asking()
        return replies.sized(b"".join(name + b"\0" for name in self.vfs.attribute_names(inode)), size)
