"""A file object over the bytes of one file, which reads ahead while it is read from front to back.

What is asked for is split into windows, which threads fetch at once; a reader that goes on where it stopped finds the
next windows there already. A reader that jumps gets exactly what it asks for, and nothing is read ahead.

Knows no store: it is given a way to fill a buffer.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from store import locks
from store.buffers import filled
from store.errors import StoreError

WINDOW = 1 << 20
"""Bytes that a thread fetches in one go."""
THREADS = max(1, (os.cpu_count() or 1) - 1)
"""The reader is one more."""
AHEAD = 4
"""Windows that are fetched ahead of the reader."""

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Fill = Callable[[int, memoryview], None]
"""Fills the buffer with the file's bytes from an offset on; all of them exist."""


class Threads:
    """Threads that fetch for all open files of a store: none until a large one is read. Safe to use from threads."""

    def __init__(self) -> None:
        self._lock, self._closed = locks.lock(), False
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def submit(self, fill: Fill, offset: int, buffer: memoryview) -> Future[None]:
        """Call `fill` in a thread. Raises ValueError once closed."""
        from concurrent.futures import ThreadPoolExecutor

        with self._lock:
            if (
                self._pool is None or self._process != os.getpid()
            ):  # a fork copies a pool, but not its threads
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="store-reader")
                self._process = os.getpid()
            pool, closed = self._pool, self._closed
        if closed:
            raise ValueError("I/O operation on a file of a store that was closed")
        return pool.submit(fill, offset, buffer)

    def close(self) -> None:
        """End the threads; what they are at is finished first."""
        with self._lock:
            pool, self._closed = self._pool, True
        if pool is not None and self._process == os.getpid():
            pool.shutdown(cancel_futures=True)


class FileReader(io.RawIOBase):
    """The bytes of one file of `size` bytes. Not for use by several threads at once."""

    def __init__(self, size: int, fill: Fill, threads: Threads) -> None:
        self._size, self._fill, self._threads = size, fill, threads
        self._at = self._expected = 0
        self._windows: dict[int, tuple[Future[None], memoryview]] = {}
        """Windows that were fetched, or are being fetched, by their number."""
        self._spare: list[memoryview] = []
        """Windows to be used again: fresh ones cost a fault for each of their pages, a sixth of a long read."""
        self._process = os.getpid()
        self._damaged: set[int] = set()
        """Windows that cannot be had as a whole."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}")
        self._at = base + offset
        return self._at

    def readall(self) -> bytes:
        return filled(max(0, self._size - self._at), self.readinto)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        into = memoryview(buffer).cast("B")
        size = min(len(into), self._size - self._at)
        if size <= 0:
            return 0
        into = into[:size]
        if size >= 2 * WINDOW:
            self._spread(into)
        elif self._at != self._expected or not self._at or not self._from_windows(into):
            self._fill(self._at, into)
        self._at = self._expected = self._at + size
        return size

    def close(self) -> None:
        self._prepare(range(0))
        self._spare.clear()
        super().close()

    def _spread(self, into: memoryview) -> None:
        """Fill a large buffer from several threads, this one among them, straight into its place."""
        from concurrent.futures import wait

        parts = [(self._at + start, into[start : start + WINDOW]) for start in range(0, len(into), WINDOW)]
        running = [self._threads.submit(self._fill, start, part) for start, part in parts]
        try:
            for (start, part), future in zip(parts, running, strict=True):
                if future.cancel():
                    self._fill(start, part)
        finally:
            for future in running:
                future.cancel()
            wait(running)  # nobody writes into the buffer once it is given back
        for future in running:
            if not future.cancelled():
                future.result()

    def _from_windows(self, into: memoryview) -> bool:
        """Fill `into` from the windows that it lies in; False when it must be fetched by itself."""
        first, last = self._at // WINDOW, (self._at + len(into) - 1) // WINDOW
        if not self._damaged.isdisjoint(range(first, last + 1)):
            return False
        self._prepare(range(first, min(last + AHEAD, (self._size - 1) // WINDOW) + 1))
        done = 0
        for number in range(first, last + 1):
            if self._waited_for(number).exception() is not None:
                # Damage somewhere in the window: what was asked for may be whole.
                self._damaged.add(number)
                return False
            window = self._windows[number][1]
            start = self._at + done - number * WINDOW
            part = window[start : start + len(into) - done]
            into[done : done + len(part)] = part
            done += len(part)
        return True

    def _waited_for(self, number: int) -> Future[None]:
        """A window's future, done. Instead of waiting for it, fetches windows that no thread has come to yet."""
        from concurrent.futures import wait

        for later in range(number, number + AHEAD + 1):
            if self._windows[number][0].done():
                break
            if later in self._windows and self._windows[later][0].cancel():
                self._windows[later] = self._fetched(later), self._windows[later][1]
        wait([self._windows[number][0]])
        return self._windows[number][0]

    def _fetched(self, number: int) -> Future[None]:
        """Fetch a window in this thread."""
        from concurrent.futures import Future

        done: Future[None] = Future()
        try:
            self._fill(number * WINDOW, self._windows[number][1])
            done.set_result(None)
        except StoreError as error:
            done.set_exception(error)
        return done

    def _prepare(self, wanted: range) -> None:
        """Have the `wanted` windows and no others."""
        if self._process != os.getpid():
            self._windows.clear()  # the threads that were to fetch them are not in this fork
            self._process = os.getpid()
        for number in [number for number in self._windows if number not in wanted]:
            future, window = self._windows.pop(number)
            if (future.cancel() or future.done()) and len(
                window
            ) == WINDOW:  # no thread writes into it any more
                self._spare.append(window)
        for number in wanted:
            if number not in self._windows:
                size = min(WINDOW, self._size - number * WINDOW)
                fresh = size < WINDOW or not self._spare
                window = memoryview(bytearray(size)) if fresh else self._spare.pop()
                self._windows[number] = self._threads.submit(self._fill, number * WINDOW, window), window
