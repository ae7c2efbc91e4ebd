"""Putting one file of the host into the store."""

from __future__ import annotations

import os
import stat

from store.contents import ListWriter
from store.engine import WINDOW, ObjectWriter
from store.errors import IsADirectory, SourceChanged, SpecialFile
from store.holes import find_holes
from store.ingest.listing import row_of
from store.ingest.reading import FLAGS, kind_of
from store.ingest.steps import Tell
from store.records import SYMLINK_MODE, Entry, clamped


def load_file(writer: ObjectWriter, source: bytes, *, follow: bool, tell: Tell | None) -> Entry:
    """The entry, still without a name, of the file or symlink `source`; with `follow`, of what it leads to.

    Read once more if it changes meanwhile. Raises OSError, SourceChanged, SpecialFile, IsADirectory.
    """
    status = os.stat(source) if follow else os.lstat(source)
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(source)
        return Entry(b"", SYMLINK_MODE, clamped(status.st_mtime_ns), len(target), target=target)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectory(source)
    if not stat.S_ISREG(status.st_mode):
        raise SpecialFile(source, kind_of(status.st_mode))
    descriptor = os.open(source, FLAGS & ~os.O_NOFOLLOW if follow else FLAGS)
    try:
        for _ in range(2):
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise SpecialFile(source, kind_of(before.st_mode))
            os.lseek(descriptor, 0, os.SEEK_SET)
            found = _read(writer, descriptor, before, tell)
            if row_of(os.fstat(descriptor)) == row_of(before):
                if tell is not None:
                    tell(1, 0)
                return found
        raise SourceChanged(source)
    finally:
        os.close(descriptor)


def _read(writer: ObjectWriter, descriptor: int, status: os.stat_result, tell: Tell | None) -> Entry:
    def told(count: int) -> int:
        if tell is not None:
            tell(0, count)
        return count

    def fill(buffer: memoryview) -> int:
        return told(os.readv(descriptor, [buffer]))

    mode, mtime_ns = status.st_mode, clamped(status.st_mtime_ns)
    lists = ListWriter(writer.put)
    window = max(writer.chunker.minimum, min(WINDOW, status.st_size + 1))
    windows = writer.chunker.cut_windows(
        fill, window, writer.threads + 2, find_holes(descriptor, status, told)
    )
    for chunk, size, times in writer.put_windows(windows):
        lists.push(chunk, size, times)
    content, height = lists.finish()
    return Entry(b"", mode, mtime_ns, lists.size, None if content is None else bytes(content), height)
