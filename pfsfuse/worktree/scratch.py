"""The bytes of one changed file: a sparse file on the store's disk, over what the store has.

    the store's file   |aaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb|cccccccccccccccc|dddd|
    scratch                              ################                             what was written
    read               |aaaaaaaaaaaaaaaa|################|cccccccccccccccc|dddd|

What was written is in the scratch file in whole blocks, whose first write fetches the rest of the block from the store.
So the scratch file's own holes say what is still the store's: nothing else has to be written down or synced for that,
and it is right after a crash, whatever of it reached the disk. Beyond `shown` nothing of the store's file shows
through: after `truncate` down and up again there are zeros.

A file up to WHOLE bytes is copied at its first write, and has nothing below it; where holes are not told (`holes.py`) a
file of any size.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pfsfuse.worktree.holes import BLOCK, data_of
from pfsfuse.worktree.ranges import Range, Ranges
from pfsfuse.worktree.room import KEEP_SIZE, PUNCH_HOLE, fallocate
from store import Entry

WHOLE = 1 << 20
"""Bytes of a file that is copied when it is first written to: less than one request more."""
STEP = 1 << 22
"""Bytes copied at a time."""

Fetch = Callable[[Entry, int, int], bytes]
"""Gives bytes of a file of the store: the entry, offset, size; clipped at its end."""


class Scratch:
    """One changed file's bytes. Safe to use from threads."""

    def __init__(
        self, path: str | Path, fetch: Fetch, base: Entry | None, shown: int, *, fresh: bool = False
    ) -> None:
        """The scratch file at `path`, made if it is missing, or (`fresh`) in any case. `base` shows through where it
        has holes, up to `shown`.
        """
        self.path = os.fspath(path)
        self._fetch = fetch
        self.base = base
        self.shown = shown
        """Bytes of `base` that may show through."""
        self._lock = threading.Lock()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if fresh else 0)
        self._descriptor = os.open(self.path, flags, 0o600)
        self._own = Ranges(data_of(self._descriptor)) if base is not None else Ranges()
        self._taken_over = 0
        """How often bytes were given up because the store has them: what was read meanwhile is to be read again."""
        self.writes = 0
        """Changes of the bytes so far, to tell whether there was one since."""

    @classmethod
    def make(cls, path: str | Path, fetch: Fetch, base: Entry | None, *, whole: bool = False) -> Scratch:
        """A new scratch file that reads as `base` (None: empty), or is a copy of it (`whole`). Raises OSError (ENOSPC);
        then it is not there.
        """
        size = 0 if base is None else base.size
        small = size <= WHOLE
        made = cls(path, fetch, None if small else base, 0 if small else size, fresh=True)
        try:
            if size:
                os.ftruncate(made._descriptor, size)
            if base is not None and small and size:
                _write_all(made._descriptor, 0, fetch(base, 0, size))
            elif whole:
                made.copy_all()
            if base is not None:
                os.utime(made._descriptor, ns=(base.mtime_ns, base.mtime_ns))
        except BaseException:
            made.remove()
            raise
        return made

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def stat(self) -> os.stat_result:
        """The size, mtime and blocks of the file."""
        return os.fstat(self._descriptor)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes, clipped at the end of the file. Raises Corrupt when the store's part is damaged."""
        while True:
            with self._lock:
                taken_over, base, shown = self._taken_over, self.base, self.shown
                end = min(offset + size, self.size) if base is not None else offset
                pieces = list(self._own.split(offset, end))
            if base is None:
                found = os.pread(self._descriptor, size, offset)
            else:
                found = b"".join(
                    _exactly(self._descriptor, start, stop - start)
                    if own
                    else self._below(base, shown, start, stop)
                    for start, stop, own in pieces
                )
            # Not under the lock, which would keep who writes waiting for the store.
            if taken_over == self._taken_over:
                return found

    def _below(self, base: Entry | None, shown: int, start: int, stop: int) -> bytes:
        """What shows through from `start` to `stop`."""
        end = min(stop, shown)
        found = self._fetch(base, start, end - start) if base is not None and start < end else b""
        return found.ljust(stop - start, b"\0")

    def write(self, offset: int, data: bytes | memoryview) -> int:
        """Write `data`; how many bytes that were, fewer than all when the disk is full.

        Raises OSError; then nothing was written where something showed through.
        """
        self.writes += 1
        if self.base is None:
            return _write_some(self._descriptor, offset, data)
        with self._lock:
            return self._write_own(offset, data)

    def _write_own(self, offset: int, data: bytes | memoryview) -> int:
        """Write what does not show through from here on."""
        end = offset + len(data)
        with self._whole_or_shown(offset, end):
            self._make_own(offset, end)
            return _write_all(self._descriptor, offset, data)

    @contextmanager
    def _whole_or_shown(self, start: int, end: int) -> Iterator[None]:
        """The block writes between these, or raises OSError; then what showed through there does so again."""
        size = self.size
        blocks = self._own.split(start // BLOCK * BLOCK, -(-end // BLOCK) * BLOCK)
        shown = [(begin, stop) for begin, stop, own in blocks if not own]
        try:
            yield
        except OSError:
            self._give_back(shown, size)
            raise

    def _give_back(self, shown: list[Range], size: int) -> None:
        """Have these ranges show through again, of a file that was `size` bytes long. The disk was full: ext4 leaves
        blocks of zeros where a write was cut off, and they would hide what the store has.
        """
        with suppress(OSError):
            for start, stop in shown:
                fallocate(self._descriptor, PUNCH_HOLE | KEEP_SIZE, start, stop - start)
            if self.size > size:
                os.ftruncate(self._descriptor, size)
        self._own = Ranges(data_of(self._descriptor))

    def _make_own(self, start: int, end: int) -> None:
        """Before bytes are written: have the blocks at both ends filled from the store, and count them as own."""
        if start >= end:
            return
        first, last = start // BLOCK * BLOCK, -(-end // BLOCK) * BLOCK
        for block in {first, last - BLOCK}:
            if start <= block and block + BLOCK <= end:
                continue  # written whole
            ((_, _, own),) = self._own.split(block, block + BLOCK)
            size = min(block + BLOCK, self.shown) - block
            if not own and size > 0:
                assert self.base is not None, "only what lies over a base has blocks of its own"
                _write_all(self._descriptor, block, self._fetch(self.base, block, size))
        self._own.add(first, last)

    def truncate(self, size: int) -> None:
        """Make the file `size` bytes long. Costs nothing, however large the hole. `shown` may have become smaller."""
        self.writes += 1
        with self._lock:
            if self.base is not None and size < self.shown:
                self._fill_last_block(size)
            os.ftruncate(self._descriptor, size)
            self._own.cut(-(-size // BLOCK) * BLOCK)
            if size < self.shown:
                self.shown = size
            if self.shown == 0:
                self.base = None

    def _fill_last_block(self, size: int) -> None:
        """Have the block that is cut in two own: `shown` need not be remembered within one."""
        if size % BLOCK:
            with self._whole_or_shown(size - size % BLOCK, size):
                self._make_own(size - size % BLOCK, size)

    def allocate(self, mode: int, offset: int, length: int) -> None:
        """Have room on the disk for a range, and the file at least as long as that, unless `mode` keeps its size.

        A file that shows something through is copied first: file systems disagree on whether room that was only
        reserved is a hole.
        """
        self.copy_all()
        self.writes += 1
        fallocate(self._descriptor, mode, offset, length)

    def clear(self, mode: int, offset: int, length: int) -> None:
        """Have a range read as zeros, by a hole or by room for it, as `mode` says. OSError as `fallocate`.

        Zeros are written where something shows through, since a hole would let it.
        """
        self.writes += 1
        end = offset + length
        for at in range(offset, min(end, self.shown), STEP):
            with self._lock:  # between two steps others may read
                self._write_own(at, bytes(min(STEP, end - at, self.shown - at)))
        with self._lock:
            start = max(offset, self.shown)
            if start < end:
                with self._whole_or_shown(start, start + 1):
                    self._make_own(start, start + 1)  # its block may show something through before it
                fallocate(self._descriptor, mode, start, end - start)

    def zeros(self, offset: int, length: int) -> int:
        """Bytes that `clear` would write there."""
        return max(0, min(offset + length, self.shown) - offset)

    def copy_all(self) -> None:
        """Have nothing show through any more. Raises OSError, Corrupt; then everything does that did.

        Others may read meanwhile, and nothing else.
        """
        with self._lock:
            before, base = Ranges(self._own), self.base
            copied: list[Range] = []
            shown = [(start, stop) for start, stop, own in self._own.split(0, self.shown) if not own]
        try:
            for start, stop in shown:
                for at in range(start, stop, STEP):
                    assert base is not None, "a shown size without a base"
                    upto = min(at + STEP, stop)
                    copied.append((at, upto))
                    # Not under the lock: until these are its own, whoever reads looks at the store.
                    _write_all(self._descriptor, at, self._fetch(base, at, upto - at))
                    with self._lock:
                        self._own.add(at, -(-upto // BLOCK) * BLOCK)
        except BaseException:
            with self._lock:
                self._own = before
                self._taken_over += 1  # who reads what was copied reads again
            for start, stop in copied:
                with suppress(OSError):  # then what is there is what the store has
                    fallocate(
                        self._descriptor, PUNCH_HOLE | KEEP_SIZE, start, -(-stop // BLOCK) * BLOCK - start
                    )
            raise
        with self._lock:
            self.base, self.shown = None, 0

    def rest_on(self, base: Entry | None) -> None:
        """The store has all of it, as `base`: have that show through instead of bytes of its own. The mtime stays.

        At once or not at all, whenever the process or the machine ends. Raises OSError; then it is as it was.
        """
        with self._lock:
            status, fresh = self.stat(), f"{self.path}.new"
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(descriptor, status.st_size)
                os.utime(descriptor, ns=(status.st_mtime_ns, status.st_mtime_ns))
                os.fsync(descriptor)
                os.rename(fresh, self.path)
                self._taken_over += 1
                os.dup2(descriptor, self._descriptor, inheritable=False)
            finally:
                os.close(descriptor)
            self._own = Ranges()
            self.base = base if base is not None and base.size else None
            self.shown = 0 if self.base is None else self.base.size

    def seek(self, offset: int, whence: int) -> int:
        """Where the next data (SEEK_DATA) or hole (SEEK_HOLE) from `offset` on begins. ENXIO beyond the end, and for
        data when there is none any more. What shows through is data.
        """
        size = self.size
        if offset >= size:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        with self._lock:
            if self.base is None:
                return os.lseek(self._descriptor, offset, whence)
            pieces = list(self._own.split(offset, size))
        for start, stop, own in pieces:
            shown = stop if own else min(stop, max(self.shown, start))
            if whence == os.SEEK_DATA and shown > start:
                return start
            if whence == os.SEEK_HOLE and shown < stop:
                return shown
        if whence == os.SEEK_HOLE:
            return size
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

    def changed(self) -> list[Range] | None:
        """The ranges that are not `base`'s any more, in order; None: all of it, there is nothing below."""
        with self._lock:
            return None if self.base is None else [(start, stop) for start, stop in self._own]

    def set_mtime(self, mtime_ns: int) -> None:
        os.utime(self._descriptor, ns=(mtime_ns, mtime_ns))

    def sync(self, *, data_only: bool = False) -> None:
        """Durable on return. Raises OSError when what was written before could not be."""
        (os.fdatasync if data_only else os.fsync)(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)

    def remove(self) -> None:
        """Close the file and take it away."""
        self.close()
        with suppress(FileNotFoundError):
            os.unlink(self.path)


def _write_all(descriptor: int, offset: int, data: bytes | memoryview) -> int:
    rest = memoryview(data)
    while rest:
        count = os.pwrite(descriptor, rest, offset)
        offset, rest = offset + count, rest[count:]
    return len(data)


def _write_some(descriptor: int, offset: int, data: bytes | memoryview) -> int:
    """How many bytes there was room for; OSError when there was none."""
    rest = memoryview(data)
    while rest:
        try:
            count = os.pwrite(descriptor, rest, offset)
        except OSError:
            if len(rest) < len(data):
                break
            raise
        offset, rest = offset + count, rest[count:]
    return len(data) - len(rest)


def _exactly(descriptor: int, offset: int, size: int) -> bytes:
    """`size` bytes, zeros in place of what lies beyond the end: it may be cut off meanwhile."""
    return os.pread(descriptor, size, offset).ljust(size, b"\0")
