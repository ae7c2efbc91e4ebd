"""Many files of one directory of the host, each on its way to a place of its own.

    look, read, pack   a window of files at a time, as for a directory that is put whole      `readers.py`
    take               one thread: the windows in order, an entry for each file

A directory that is put whole gives its names to the repo; here whoever asks does, as a mount does whose files lie under
numbers.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from store.engine import WINDOW, ObjectWriter
from store.errors import SpecialFile
from store.ingest.listing import ROW, row_of
from store.ingest.readers import EACH, FILES, Readers, take_file
from store.ingest.reading import Failure, Read, Wanted, kind_of
from store.ingest.single import load_file
from store.ingest.steps import Tell
from store.records import Entry

T = TypeVar("T")


def gather(
    writer: ObjectWriter, directory: bytes, files: Iterable[tuple[bytes, T]], tell: Tell | None
) -> Iterator[tuple[Entry, T]]:
    """The entry, still without a name, of each of the `files` of the host's `directory`, with what came with its name.

    In order. Raises OSError, SourceChanged, SpecialFile for the
    first that cannot be read. Memory: some windows.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    gathering = _Gathering[T](writer, directory, descriptor, tell)
    try:
        for name, what in files:
            yield from gathering.add(name, what)
        yield from gathering.end()
    finally:
        gathering.settle()
        os.close(descriptor)


class _Gathering(Generic[T]):
    def __init__(self, writer: ObjectWriter, directory: bytes, descriptor: int, tell: Tell | None) -> None:
        self._writer, self._directory, self._descriptor, self._tell = writer, directory, descriptor, tell
        self._readers = Readers(writer)
        self._wanted: list[Wanted] = []
        self._beside: list[T] = []
        self._cost = 0
        self._queue: deque[tuple[list[Wanted], list[T], Future[list[Read | Failure]]]] = deque()

    def add(self, name: bytes, what: T) -> Iterator[tuple[Entry, T]]:
        """One file more; the entries that are there by now."""
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except OSError as error:
            raise self._named(error, name) from None
        if not stat.S_ISREG(status.st_mode):
            raise SpecialFile(self._directory + b"/" + name, kind_of(status.st_mode))
        if status.st_size > WINDOW:
            yield from self.end()
            path = self._directory + b"/" + name
            yield load_file(self._writer, path, follow=False, tell=self._tell), what
            return
        self._wanted.append(Wanted(self._descriptor, self._directory, name, row_of(status), status.st_size))
        self._beside.append(what)
        self._cost += status.st_size + EACH
        if self._cost >= WINDOW or len(self._wanted) >= FILES:
            self._submit()
            yield from self._take(self._writer.threads + 2)

    def end(self) -> Iterator[tuple[Entry, T]]:
        """The entries of all that was added and did not come yet."""
        self._submit()
        yield from self._take(0)

    def settle(self) -> None:
        """Let no thread be at work any more."""
        for _, _, read in self._queue:
            if not read.cancel():
                wait([read])

    def _submit(self) -> None:
        if self._wanted:
            read = self._readers.read(self._wanted, self._cost)
            self._queue.append((self._wanted, self._beside, read))
            self._wanted, self._beside, self._cost = [], [], 0

    def _take(self, leave: int) -> Iterator[tuple[Entry, T]]:
        """The entries of all windows but for the last `leave`."""
        while len(self._queue) > leave:
            wanted, beside, read = self._queue[0]
            found = read.result()
            self._queue.popleft()
            total = 0
            for file, what, each in zip(wanted, beside, found, strict=True):
                if not isinstance(each, Read):
                    raise self._named(each, file.name)
                mode, _, mtime_ns, _, _ = ROW.unpack(each.row)
                content, size, height = take_file(self._writer, each.packed)
                total += size
                yield Entry(b"", mode, mtime_ns, size, content, height), what
            if self._tell is not None:
                self._tell(len(found), total)

    def _named(self, error: Failure, name: bytes) -> Failure:
        """The error, with the whole path of the file that it is about."""
        if isinstance(error, OSError):
            error.filename = os.fsdecode(self._directory + b"/" + name)
        return error
