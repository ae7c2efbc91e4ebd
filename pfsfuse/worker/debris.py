"""What launches and workers leave behind: put out of the way at once, removed while the work goes on.

    <store>/scratch/gone-<random>          what is being removed; a crash leaves it to the next who clears away

A million files took 20 minutes on a disk that is slow to forget them, and nobody has to wait for that: a datum's end is
told after PATIENCE_SECONDS. Two things are waited for all the same. No more than MOST rooms of a worker are removed
behind its back; and what a disk needs back is given back first: the next datum, or the commit of what they all wrote,
would fail for want of space that only rubbish takes.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trio

from pfsfuse.worker.removal import remove_tree

GONE = "gone-"
PATIENCE_SECONDS = 1.0
"""A room of some ten thousand files is gone by then."""
MOST = 2
SPARE = 10
"""One part in so many of a disk, in bytes and in inodes, is to be free while something is removed behind anybody's
back."""


@dataclass(frozen=True, slots=True)
class Space:
    """What a disk has, in bytes or in inodes; a file system that counts no inodes has 0 of 0."""

    free: int
    total: int

    def is_scarce(self, held: int = 0) -> bool:
        """Whether there is too little for another that takes what this one `held`, or for anything."""
        return self.total > 0 and self.free < max(held, self.total // SPARE)


@dataclass(frozen=True, slots=True)
class Disk:
    """Both at one moment."""

    bytes: Space
    inodes: Space

    @classmethod
    def look(cls, path: Path) -> Self:
        found = os.statvfs(path)
        return cls(
            Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize),
            Space(found.f_favail, found.f_files),
        )

    def is_scarce(self, before: Disk | None = None) -> bool:
        """Whether what was written since `before` must be given back before anything else is done."""
        then = before or self
        bytes_held, inodes_held = then.bytes.free - self.bytes.free, then.inodes.free - self.inodes.free
        return self.bytes.is_scarce(bytes_held) or self.inodes.is_scarce(inodes_held)


class Debris:
    """Removes the directories of one worker."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._limiter = trio.CapacityLimiter(MOST + 1)

    async def remove(self, path: Path, before: Disk | None = None) -> None:
        """Have a directory gone; it may go on lying about under another name for a while, unless the disk, which was
        as it was `before`, is short of space. A worker that is told to end leaves the rest to the next start."""
        gone = put_aside(path, self._scratch)
        can_wait = (
            gone is not None
            and self._limiter.available_tokens > 1
            and not Disk.look(self._scratch).is_scarce(before)
        )
        with trio.CancelScope() as scope:
            if can_wait:
                scope.shield, scope.deadline = True, trio.current_time() + PATIENCE_SECONDS
            else:
                scope.shield, scope.deadline = gone is None, math.inf
            await trio.to_thread.run_sync(
                remove_tree, gone or path, abandon_on_cancel=True, limiter=self._limiter
            )

    async def make_space(self) -> None:
        """Before something is written: on a disk that is short of space, wait until all that is to be removed is,
        whosever it was."""
        if Disk.look(self._scratch).is_scarce():
            await trio.to_thread.run_sync(remove_gone, self._scratch, abandon_on_cancel=True)


def put_aside(path: Path, scratch: Path) -> Path | None:
    """Give a directory the name of something that is being removed; None when it cannot be: on a full disk, or when it
    is not there."""
    gone = scratch / f"{GONE}{secrets.token_hex(8)}"
    try:
        path.rename(gone)
    except OSError:
        return None
    return gone


def remove_gone(scratch: Path) -> None:
    """Remove all that was put aside; harmless when others do the same."""
    with contextlib.suppress(OSError):  # the store itself may be removed meanwhile
        for path in scratch.glob(f"{GONE}*"):
            remove_tree(path)


def sweep(scratch: Path) -> threading.Thread:
    """Remove all that was put aside, in the thread that is returned, which ends with the process."""
    thread = threading.Thread(target=remove_gone, args=(scratch,), name="removal", daemon=True)
    thread.start()
    return thread
