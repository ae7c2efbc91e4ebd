"""ceiling SOURCE MOUNTPOINT: the least that a file system on pyfuse3 can do, as a yardstick.

It shows SOURCE as it is: attributes from dictionaries, bytes from `os.pread`, nothing stored, checked or unpacked;
whatever the kernel may keep, it may keep for ever. Stops when it is unmounted.
"""

from __future__ import annotations

import errno
import os
import sys

import pyfuse3
import trio

KEPT = 1e9
READAHEAD_KIB = 1024
HIDDEN = "scratch-"
"""Where the mountpoint itself lies: whoever walked into it would have us wait for ourselves."""
FIELDS = ("mode", "nlink", "uid", "gid", "size", "blksize", "blocks", "atime_ns", "mtime_ns", "ctime_ns")


class Shown(pyfuse3.Operations):  # type: ignore[misc]  # the library has no types to speak of
    """A directory, and all below it, read once."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._paths: list[str] = [""] * pyfuse3.ROOT_INODE
        self._attributes: list[pyfuse3.EntryAttributes] = [None] * pyfuse3.ROOT_INODE
        self._names: dict[int, dict[bytes, int]] = {}
        self._add(source)

    def _add(self, path: str) -> int:
        status, shown = os.lstat(path), pyfuse3.EntryAttributes()
        for field in FIELDS:
            setattr(shown, f"st_{field}", getattr(status, f"st_{field}"))
        shown.st_ino = number = len(self._paths)
        shown.entry_timeout = shown.attr_timeout = KEPT
        self._paths.append(path)
        self._attributes.append(shown)
        return number

    def _below(self, inode: int) -> dict[bytes, int]:
        if inode not in self._names:
            with os.scandir(self._paths[inode]) as found:
                shown = [each for each in found if not each.name.startswith(HIDDEN)]
            self._names[inode] = {os.fsencode(each.name): self._add(each.path) for each in shown}
        return self._names[inode]

    async def lookup(self, parent: int, name: bytes, ctx: object = None) -> pyfuse3.EntryAttributes:
        found = self._below(parent).get(name)
        if found is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return self._attributes[found]

    async def getattr(self, inode: int, ctx: object = None) -> pyfuse3.EntryAttributes:
        return self._attributes[inode]

    async def opendir(self, inode: int, ctx: object) -> int:
        self._below(inode)
        return inode

    async def readdir(self, fh: int, start: int, token: pyfuse3.ReaddirToken) -> None:
        for number, (name, inode) in enumerate(list(self._below(fh).items())[start:], start + 1):
            if not pyfuse3.readdir_reply(token, name, self._attributes[inode], number):
                return

    async def open(self, inode: int, flags: int, ctx: object) -> pyfuse3.FileInfo:
        return pyfuse3.FileInfo(fh=os.open(self._paths[inode], os.O_RDONLY), keep_cache=True)

    async def read(self, fh: int, offset: int, size: int) -> bytes:
        return os.pread(fh, size, offset)

    async def release(self, fh: int) -> None:
        os.close(fh)


async def serve(mountpoint: str) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pyfuse3.main)
        device = (await trio.to_thread.run_sync(os.stat, mountpoint)).st_dev
        with open(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb", "w") as knob:
            knob.write(str(READAHEAD_KIB))


if __name__ == "__main__":
    pyfuse3.init(Shown(sys.argv[1]), sys.argv[2], {*pyfuse3.default_options, "fsname=ceiling", "ro"})
    try:
        trio.run(serve, sys.argv[2])
    finally:
        pyfuse3.close(unmount=False)
