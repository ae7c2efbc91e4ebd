"""Putting a directory of the host into the store, as an entry of its own that an edit lays over what it has.

    walk        one thread   looks at directories in the order of names, decides what has to be read      `listing.py`
    read, pack  all cores    reads files, hashes, looks up, compresses; a window of them at a time        `reading.py`
                             (small files that are in memory: the thread that walks, see `readers.py`)
    join        one thread   takes the windows back in order, makes directories from the leaves up        `joining.py`

The walk runs ahead of the joining by as many windows as keep the threads busy, and no more: memory is bounded by
windows, by the names of the directories that are open at once, and by the batches on their way to the disk. A directory
that is what it was is not gone through at all but for the directories below (`memory.py`).

What cannot be put (unreadable, vanished, changing all the time, neither file nor directory nor link) is left out and
told; nothing else is.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator

from store.engine import WINDOW, ObjectWriter
from store.errors import BadName, NotADirectory, SourceChanged, SpecialFile
from store.holes import find_holes
from store.ingest.joining import Joiner, Skipped
from store.ingest.listing import BLANK, DIRECTORY, NO_DISK, ROW, Listing, read_row, row_of, scan
from store.ingest.memory import Memory, Remembered
from store.ingest.readers import EACH, FILES, Readers
from store.ingest.reading import FAILURES, Wanted, kind_of, open_file
from store.ingest.steps import Begin, Directory, End, Enter, Leave, Missing, Piece, Ready, Tell, Window
from store.names import MAX_DEPTH, MAX_NAME
from store.records import SYMLINK_MODE, Entry
from store.trees import Trees

STEPS = 4096
"""Steps in a window, at most."""
OPEN = 256
"""Directories that begin in the windows under way, at most: each is open until its files are read."""


class Loader:
    """Loads directories of the host with one writer. `fail` is told what cannot be put, and may raise."""

    def __init__(
        self,
        trees: Trees,
        writer: ObjectWriter,
        memory: Memory | None,
        *,
        fail: Callable[[Skipped], None],
        tell: Tell | None = None,
        skip: Callable[[bytes], bool] | None = None,
        checksum: bool = False,
    ) -> None:
        self._trees, self._writer, self._memory = trees, writer, memory
        self._tell, self._skip = tell, skip
        self._checksum = checksum
        """Read everything, whatever is remembered of it."""
        self._window = Window([])
        self._wanted: list[Wanted] = []
        self._entering = max(1, OPEN // (writer.threads + 3))
        self._cost = self._entered = 0
        """Of the window that is being filled: bytes to read, directories begun."""
        self._readers = Readers(writer)
        self._queue: deque[Window] = deque()
        self._opened: set[int] = set()
        self._joiner = Joiner(trees, writer, memory, fail=fail, tell=tell, opened=self._opened)

    def load(self, source: bytes, base: Entry | None, place: bytes = b"", *, write: bool = True) -> Entry:
        """Everything below the host's directory `source`, as an entry; durable on return, unless the writer is left to
        `write` what is small later.

        `base` is the directory of the repo that it is going to be laid over (None: none), `place` its path: what is
        there already keeps its times. Raises OSError when `source` itself cannot be read, NotADirectory and
        IsADirectory when `base` has another kind under some name, Full, and what `fail` raises; then nothing refers to
        what was written.
        """
        try:
            descriptor = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._opened.add(descriptor)
            row = read_row(row_of(os.fstat(descriptor)))
            key = os.path.realpath(source)
            depth = place.count(b"/") + 1 if place else 0
            self._directory(Directory(source, key, place, b"", descriptor, row, base, depth))
            self._submit()
            while self._queue:
                self._joiner.take(self._queue.popleft())
            if write:
                self._joiner.save()
        finally:
            for window in self._queue:
                window.settle()
            for descriptor in self._opened:
                os.close(descriptor)
            self._opened.clear()
        assert self._joiner.result is not None, "the directory at the top has ended"
        return self._joiner.result

    # the walk

    def _directory(self, directory: Directory) -> None:
        try:
            now_ns = time.time_ns()
            listing = scan(directory.descriptor, self._skip, now_ns)
        except OSError as error:
            if not directory.name:
                raise
            self._joiner.close(directory)
            self._step(Missing(directory.path, error))
            return
        remembered = self._describe(directory, listing)
        self._entered += 1
        self._step(Enter(directory))
        for name, failure in listing.failed:
            self._step(Missing(directory.path + b"/" + name, failure))
        if directory.kept is not None:
            for name, row in zip(listing.names, listing.rows, strict=True):
                if row == DIRECTORY:
                    self._below(directory, name)
        else:
            past = _past(self._trees, remembered)
            known: tuple[bytes, bytes, Entry] | None = next(past, None)
            for name, row in zip(listing.names, listing.rows, strict=True):
                if row == DIRECTORY:
                    self._below(directory, name)
                    continue
                while known is not None and known[0] < name:
                    known = next(past, None)
                if known is not None and known[0] == name and known[1] == row:
                    self._unchanged(name, row, known[2])
                else:
                    self._name(directory, name, row)
        self._step(Leave(directory))

    def _describe(self, directory: Directory, listing: Listing) -> Remembered | None:
        """Note what the directory looks like, and whether that is what it was; what is remembered of it."""
        remembered = None
        if self._memory is not None:
            rows = [row for row in listing.rows if row != DIRECTORY]
            if listing.young:
                directory.rows = [BLANK if row in listing.young else row for row in rows]
            else:
                directory.rows, directory.digest = rows, listing.digest()
            remembered = None if self._checksum else self._memory.find(directory.key)
        directory.whole = self._memory is not None and not listing.failed
        if remembered is not None and not self._is_there(remembered.entry):
            remembered = None
        if remembered is not None and directory.digest and remembered.digest == directory.digest:
            base = directory.base
            if remembered.exact or (base is not None and base.content == remembered.entry.content):
                directory.kept = remembered
        return remembered

    def _is_there(self, entry: Entry) -> bool:
        return entry.content is None or bool(self._writer.present([entry.content]))

    def _below(self, directory: Directory, name: bytes) -> None:
        path, place = directory.path + b"/" + name, _joined(directory.place, name)
        try:
            _check(name, directory.depth + 1)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=directory.descriptor)
        except FAILURES as error:
            self._step(Missing(path, error))
            return
        self._opened.add(descriptor)
        base = None if directory.base is None else self._trees.lookup(directory.base, name)
        if base is not None and not base.is_dir:
            raise NotADirectory(place)
        row = read_row(row_of(os.fstat(descriptor)))
        self._directory(
            Directory(
                path, directory.key + b"/" + name, place, name, descriptor, row, base, directory.depth + 1
            )
        )

    def _unchanged(self, name: bytes, row: bytes, entry: Entry) -> None:
        """A file or link that is what it was; its entry bears the times it has now."""
        mode, _, mtime_ns, _, _ = ROW.unpack(row)
        bits = SYMLINK_MODE if entry.is_symlink else mode
        made = Entry(name, bits, mtime_ns, entry.size, entry.content, entry.height, target=entry.target)
        self._step(Ready(made))

    def _name(self, directory: Directory, name: bytes, row: bytes) -> None:
        """A name that is no directory and has to be looked into."""
        mode, size, mtime_ns, _, _ = ROW.unpack(row)
        try:
            if len(name) > MAX_NAME or directory.depth >= MAX_DEPTH:
                _check(name, directory.depth + 1)
            if stat.S_ISREG(mode):
                if not size and _is_empty(directory, name, row):
                    self._step(Ready(Entry(name, mode, mtime_ns, 0)))
                elif size > WINDOW:
                    self._large(directory, name)
                else:
                    wanted = Wanted(directory.descriptor, directory.path, name, row, size)
                    self._wanted.append(wanted)
                    self._cost += size + EACH
                    self._step(wanted)
            elif stat.S_ISLNK(mode):
                target = os.readlink(name, dir_fd=directory.descriptor)
                self._step(Ready(Entry(name, SYMLINK_MODE, mtime_ns, len(target), target=target)))
            else:
                raise SpecialFile(directory.path + b"/" + name, kind_of(mode))
        except FAILURES as error:
            self._step(Missing(directory.path + b"/" + name, error))

    def _large(self, directory: Directory, name: bytes) -> None:
        """A file that is read here and cut, window by window. Raises what is wrong with it."""
        path = directory.path + b"/" + name
        descriptor = open_file(directory.descriptor, name)
        try:
            for _ in range(2):
                status = os.fstat(descriptor)
                before = row_of(status)
                row = read_row(before)
                if not stat.S_ISREG(row.mode):
                    raise SpecialFile(path, kind_of(row.mode))
                os.lseek(descriptor, 0, os.SEEK_SET)
                self._step(Begin())
                self._submit()
                # As many windows stay as they are as may be in the queue.
                fill, holes = _filling(descriptor), find_holes(descriptor, status)
                keep = self._writer.threads + 3
                for chunks, times in self._writer.chunker.cut_windows(fill, WINDOW, keep, holes):
                    self._step(Piece(times))
                    self._window.chunks = self._writer.submit(self._writer.pack, chunks)
                    self._submit()
                    if self._tell is not None:
                        self._tell(0, sum(map(len, chunks)) * times)
                if row_of(os.fstat(descriptor)) == before:
                    self._step(End(name, row))
                    return
            raise SourceChanged(path)
        finally:
            os.close(descriptor)

    # the queue

    def _step(self, step: Enter | Leave | Ready | Missing | Begin | Piece | End | Wanted) -> None:
        steps = self._window.steps
        steps.append(step)
        if (
            self._cost >= WINDOW
            or len(self._wanted) >= FILES
            or len(steps) >= STEPS
            or self._entered >= self._entering
        ):
            self._submit()

    def _submit(self) -> None:
        """Hand the window to the threads, and take back what is more than enough to keep them busy."""
        window = self._window
        if not window.steps:
            return
        if self._wanted:
            window.read = self._readers.read(self._wanted, self._cost)
        self._queue.append(window)
        self._window, self._wanted, self._cost, self._entered = Window([]), [], 0, 0
        while len(self._queue) > self._writer.threads + 2:
            self._joiner.take(self._queue.popleft())


def _is_empty(directory: Directory, name: bytes, row: bytes) -> bool:
    """Whether a file with this row, which says so, holds nothing for certain: it is on a disk. What /proc and the like
    say of a file's size is worth nothing. Raises OSError.
    """
    status = os.stat(name, dir_fd=directory.descriptor, follow_symlinks=False)
    return os.major(status.st_dev) != NO_DISK and row_of(status) == row


def _check(name: bytes, depth: int) -> None:
    if len(name) > MAX_NAME or depth > MAX_DEPTH:
        shown = name.decode("utf-8", "backslashreplace")[:40] + "…" * (len(name) > 40)
        why = f"over {MAX_NAME} bytes" if len(name) > MAX_NAME else f"it is more than {MAX_DEPTH} names deep"
        raise BadName("file", shown, why)


def _joined(place: bytes, name: bytes) -> bytes:
    return place + b"/" + name if place else name


def _filling(descriptor: int) -> Callable[[memoryview], int]:
    return lambda buffer: os.readv(descriptor, [buffer])


def _past(trees: Trees, remembered: Remembered | None) -> Iterator[tuple[bytes, bytes, Entry]]:
    """The names of a remembered directory that are no directories, in order, with their rows and entries."""
    if remembered is None:
        return
    rows = (remembered.rows[at : at + ROW.size] for at in range(0, len(remembered.rows), ROW.size))
    for entry in trees.iter_directory(remembered.entry):
        if not entry.is_dir:
            yield entry.name, next(rows, BLANK), entry
