"""Reading files of the host so that what is kept is a state they had. Runs in threads.

A file is looked at, read, and looked at again. If it changed meanwhile it is read once more; if it changed again,
that is `SourceChanged`. Opening follows no link and waits for no pipe, whatever took the file's place since it was
looked at.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from store.chunker import Chunker
from store.engine import WINDOW, Packed, Plain
from store.errors import BadName, SourceChanged, SpecialFile
from store.ingest.listing import row_of

Pack = Callable[[Sequence[Plain]], list[Packed]]
FAILURES = (OSError, SourceChanged, SpecialFile, BadName)
"""What may be wrong with one file of the host, and says nothing of the store or of us."""
Failure = OSError | SourceChanged | SpecialFile | BadName
AT_ONCE = 1 << 20
"""Bytes to ask a file for that is not what it looks like."""
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "named pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
_kept = threading.local()
"""A buffer for each thread: fresh pages cost as much as hashing what is put into them."""


class Wanted(NamedTuple):
    """A file to read. A tuple, as `Read` is: there is one of each for every small file."""

    descriptor: int
    """Its directory, open until it is read."""
    directory: bytes
    """The path of that on the host."""
    name: bytes
    row: bytes
    """What it looked like."""
    size: int
    """Bytes it is said to hold, at most WINDOW."""


class Read(NamedTuple):
    """What a file held."""

    row: bytes
    """Its row as it was before and after."""
    packed: Sequence[Packed]
    """Its chunks."""


def kind_of(mode: int) -> str:
    """What a file with this st_mode is, if it is not data."""
    return _KINDS.get(stat.S_IFMT(mode), "special file")


def open_file(directory: int, name: bytes) -> int:
    """A descriptor of the file `name` in the open `directory`. Raises OSError, also for a link."""
    return os.open(name, FLAGS, dir_fd=directory)


def read_files(wanted: Sequence[Wanted], chunker: Chunker, pack: Pack) -> list[Read | Failure]:
    """Read the files, together at most WINDOW bytes, and pack their chunks in one go."""
    buffer, at = _buffer(), 0
    plains: list[Plain] = []
    found: list[int | Read | Failure] = []
    minimum = chunker.minimum
    for parent, directory, name, row, size in wanted:
        try:
            descriptor = open_file(parent, name)
            try:
                if size < minimum:
                    data: Plain = os.read(descriptor, size + 1)
                    same = len(data) == size
                    pieces: Sequence[Plain] = (data,) if data else ()
                else:
                    data = buffer[at : at + size + 1]
                    same = _fill(descriptor, data) == size
                    pieces = chunker.cut_whole(data[:size]) if same else ()
                    at += size
                if same and row_of(os.fstat(descriptor)) == row:
                    plains += pieces
                    found.append(len(pieces))
                else:
                    found.append(_read_again(descriptor, directory + b"/" + name, chunker, pack))
            finally:
                os.close(descriptor)
        except FAILURES as error:
            found.append(error)
    packed, start = pack(plains), 0
    results: list[Read | Failure] = []
    for each, count in zip(wanted, found, strict=True):
        if isinstance(count, int):
            results.append(Read(each.row, packed[start : start + count]))
            start += count
        else:
            results.append(count)
    return results


def _buffer() -> memoryview:
    try:
        found: memoryview = _kept.buffer
    except AttributeError:
        found = _kept.buffer = memoryview(bytearray(WINDOW + 1))
    return found


def _fill(descriptor: int, buffer: memoryview) -> int:
    """Fill `buffer` from the file; how many bytes there were."""
    end = 0
    while end < len(buffer) and (count := os.readv(descriptor, [buffer[end:]])):
        end += count
    return end


def _read_again(descriptor: int, path: bytes, chunker: Chunker, pack: Pack) -> Read:
    """Read a file from its beginning that is not what it looked like. Raises SourceChanged, SpecialFile, OSError.

    Memory: its chunks, compressed.
    """
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        raise SpecialFile(path, kind_of(before.st_mode))
    os.lseek(descriptor, 0, os.SEEK_SET)
    packed: list[Packed] = []
    # /proc/sys refuses to fill large buffers.
    for window in chunker.cut_windows(lambda buffer: os.readv(descriptor, [buffer[:AT_ONCE]]), WINDOW, 1):
        packed += pack(window.chunks)
    if row_of(os.fstat(descriptor)) != row_of(before):
        raise SourceChanged(path)
    return Read(row_of(before), packed)
