"""What stands in a directory for a file or a symlink, its contents written."""

from __future__ import annotations

import io
import stat
from typing import BinaryIO

from store.chunker import Fill
from store.contents import ListWriter
from store.engine import WINDOW, ObjectWriter
from store.records import SYMLINK_MODE, Entry

AT_ONCE = 256 << 10
"""Bytes to ask a stream for that may be slow and may be looked at."""


def write_file(writer: ObjectWriter, data: bytes | BinaryIO, mode: int, mtime_ns: int) -> Entry:
    """Put the bytes of `data`, read to its end; the file's entry, still without a name. Memory: some windows."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    chunker = writer.chunker
    head = _read_up_to(stream, chunker.minimum)
    bits = stat.S_IFREG | stat.S_IMODE(mode)
    if len(head) < chunker.minimum:
        content = writer.put_file(head) if head else None
        return Entry(b"", bits, mtime_ns, len(head), content)
    lists = ListWriter(writer.put)
    windows = chunker.cut_windows(_filling(head, stream), WINDOW, writer.threads + 2)
    for chunk, size, times in writer.put_windows(windows):
        lists.push(chunk, size, times)
    found, height = lists.finish()
    return Entry(b"", bits, mtime_ns, lists.size, found, height)


def link(target: bytes, mtime_ns: int) -> Entry:
    """A symlink's entry, still without a name."""
    return Entry(b"", SYMLINK_MODE, mtime_ns, len(target), target=target)


def _read_up_to(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes, or all there are: a raw stream or a pipe may give fewer at a time."""
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _filling(head: bytes, rest: BinaryIO) -> Fill:
    """Reads the bytes that were already read from a stream, and then the stream."""
    left = memoryview(head)
    # Streams of all kinds can `read`; that those of the library can read into a buffer saves a copy.
    into: Fill | None = (
        rest.readinto if type(rest) in (io.FileIO, io.BufferedReader, io.BytesIO) else None  # type: ignore[attr-defined]
    )

    def fill(buffer: memoryview) -> int:
        nonlocal left
        if left:
            given, left = left[: len(buffer)], left[len(buffer) :]
        elif into is not None:
            return into(buffer) or 0
        else:
            given = memoryview(rest.read(min(len(buffer), AT_ONCE)))
        buffer[: len(given)] = given
        return len(given)

    return fill
