"""Threads that make files: reading a store unpacks and checks without the GIL, and so does the kernel write.

The walk puts tasks into a short queue, so memory stays bounded. The first failure stops all: what is queued is dropped
without being done, and the failure is raised where the next task is put, or at the end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import Queue
from types import TracebackType
from typing import Protocol, Self

from store.records import Entry, Extent
from store.transfer.host import Directory, finish, make_anew
from store.trees import Trees

HOLE = 64 << 10
"""Bytes of zeros, at a multiple of so many, that become a hole where holes are wanted."""
ZEROS = bytes(HOLE)

Progress = Callable[[int, int], None]
"""Told how many files, and how many bytes, more are done."""


class Task(Protocol):
    """Something that one thread does; it releases what it holds in either case."""

    def run(self, crew: Crew) -> None: ...

    def drop(self) -> None: ...


class Crew:
    """The threads; as a context manager, all tasks are done or dropped, and all threads ended, when it is left."""

    def __init__(self, trees: Trees, threads: int, sparse: bool, progress: Progress) -> None:
        self.trees, self.sparse, self._progress = trees, sparse, progress
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._queue: Queue[Task | None] = Queue(2 * threads)
        self._threads = [
            threading.Thread(target=self._work, name=f"store-export-{number}", daemon=True)
            for number in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._fail(error)
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        if error is None:
            self._raise()

    def put(self, task: Task) -> None:
        """Have `task` done; waits while the queue is full. Raises what a task before it raised."""
        if self._failure is not None:
            task.drop()
            self._raise()
        self._queue.put(task)

    def tell(self, files: int, size: int) -> None:
        """Report progress."""
        with self._lock:
            self._progress(files, size)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                if self._failure is None:
                    task.run(self)
                else:
                    task.drop()
            except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits for this one
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or error

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure


class Small:
    """Small files of one directory, read in one go."""

    def __init__(self, directory: Directory, files: list[Entry]) -> None:
        directory.hold()
        self._directory, self._files = directory, files

    def drop(self) -> None:
        self._directory.release()

    def run(self, crew: Crew) -> None:
        try:
            plans = [crew.trees.extents(entry, 0, entry.size) for entry in self._files]
            extents: tuple[Extent, ...] = tuple(extent for plan in plans for extent in plan)
            data = memoryview(crew.trees.fetch(extents) if extents else b"")
            start = 0
            for entry in self._files:
                descriptor = make_anew(entry.name, self._directory)
                try:
                    write_at(descriptor, data[start : start + entry.size], 0, sparse=crew.sparse)
                    if crew.sparse:
                        os.ftruncate(descriptor, entry.size)
                except BaseException:
                    os.close(descriptor)
                    raise
                finish(descriptor, entry)
                start += entry.size
            crew.tell(len(self._files), start)
        finally:
            self._directory.release()


class Large:
    """A file that several threads write, block by block; finished by the one that writes the last."""

    def __init__(self, descriptor: int, entry: Entry, directory: Directory) -> None:
        """Takes over `descriptor`."""
        directory.hold()
        self.descriptor, self.entry, self._directory = descriptor, entry, directory
        self._holders, self._missing, self._lock = 1, entry.size, threading.Lock()
        os.truncate(descriptor, entry.size)

    def block(self, offset: int, size: int) -> Block:
        """The task of writing the `size` bytes from `offset` on."""
        with self._lock:
            self._holders += 1
        return Block(self, offset, size)

    def release(self, written: int = 0) -> int:
        """End one block, of which so many bytes were `written`, or the hold of whoever made the file and left out so
        many.

        How many files that completed: 1 when it was the last, and nothing is missing.
        """
        with self._lock:
            self._holders -= 1
            self._missing -= written
            if self._holders:
                return 0
        try:
            if self._missing:
                os.close(self.descriptor)
                return 0
            finish(self.descriptor, self.entry)
            return 1
        finally:
            self._directory.release()


class Block:
    """A part of a large file."""

    def __init__(self, file: Large, offset: int, size: int) -> None:
        self._file, self._offset, self._size = file, offset, size

    def drop(self) -> None:
        self._file.release()

    def run(self, crew: Crew) -> None:
        written = 0
        try:
            extents = crew.trees.extents(self._file.entry, self._offset, self._size)
            data = memoryview(crew.trees.fetch(extents))
            write_at(self._file.descriptor, data, self._offset, sparse=crew.sparse)
            written = len(data)
        finally:
            files = self._file.release(written)
        crew.tell(files, written)


def write_at(descriptor: int, data: memoryview, offset: int, *, sparse: bool) -> None:
    """Write all of `data`; with `sparse`, what is zeros is left out and stays a hole."""
    pieces = (data[at : at + HOLE] for at in range(0, len(data), HOLE)) if sparse else (data,)
    for piece in pieces:
        whole = len(piece)
        if not sparse or bytes(piece) != ZEROS[:whole]:
            at = offset
            while piece:
                done = os.pwrite(descriptor, piece, at)
                piece, at = piece[done:], at + done
        offset += whole
