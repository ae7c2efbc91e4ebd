"""A changed file's entry, made from the old one and what changed in it."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, cast

from store.chunker import Chunker
from store.contents import ListWriter, Range, splice
from store.edit.files import write_file
from store.engine import ObjectWriter
from store.format.chunklist import ChunkList
from store.holes import FileHoles, SparseReader
from store.ids import ObjectId
from store.records import Entry

AT_ONCE = 256 << 10
"""Bytes to read before they are cut: a change is small, as a rule."""


def splice_file(
    writer: ObjectWriter,
    load: Callable[[ObjectId], ChunkList],
    old: Entry,
    changed: Sequence[Range],
    content: BinaryIO,
    size: int,
    *,
    mode: int,
    mtime_ns: int,
) -> Entry:
    """The entry, still without a name, of the file of `size` bytes that `content` gives, which is the file `old` but
    for the ranges in `changed` and for its end. Of `content`, which must be seekable, only the neighbourhood of what
    changed is read.
    """
    if size < writer.chunker.minimum:
        content.seek(0)
        return write_file(writer, content.read(size), mode, mtime_ns)

    def cut_from(offset: int) -> Iterator[tuple[bytes, int]]:
        content.seek(offset)
        if isinstance(content, SparseReader):
            return _cut_sparse(writer.chunker, content, size)
        return ((chunk, 1) for chunk in writer.chunker.cut(cast(BinaryIO, _UpTo(content, size - offset))))

    lists = ListWriter(writer.put)
    splice(lists, load, old, changed, size, cut_from, writer.put_runs)
    name, height = lists.finish()
    return Entry(b"", stat.S_IFREG | stat.S_IMODE(mode), mtime_ns, lists.size, name, height)


def _cut_sparse(chunker: Chunker, content: SparseReader, size: int) -> Iterator[tuple[bytes, int]]:
    """The chunks of the first `size` bytes of `content` from where it stands, and how often each comes in a row."""

    def fill(buffer: memoryview) -> int:
        return content.readinto(buffer[: max(size - content.tell(), 0)]) or 0

    holes = FileHoles(content.seek, size)
    for chunks, times in chunker.cut_windows(fill, AT_ONCE, 0, holes):
        for chunk in chunks:
            yield bytes(chunk), times


class _UpTo(io.RawIOBase):
    """The next bytes of a stream, up to a number of them."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream, self._left = stream, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        piece = self._stream.read(min(len(buffer), self._left))
        self._left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


class Appended(io.RawIOBase):
    """A file with more bytes at its end, as one seekable stream."""

    def __init__(self, old: BinaryIO, old_size: int, more: BinaryIO) -> None:
        """`more` is seekable, and all of it counts."""
        self._old, self._old_size, self._more, self._at = old, old_size, more, 0
        self.size = old_size + more.seek(0, io.SEEK_END)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        left = self.size - self._at if size is None or size < 0 else min(size, self.size - self._at)
        parts = []
        while left > 0:
            part, start = (self._old, 0) if self._at < self._old_size else (self._more, self._old_size)
            part.seek(self._at - start)
            parts.append(part.read(left))
            self._at += len(parts[-1])
            left -= len(parts[-1])
        return b"".join(parts)
