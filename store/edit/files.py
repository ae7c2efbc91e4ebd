"""What stands in a directory for a file or a symlink, its contents written."""

from __future__ import annotations

import io
import stat
from typing import BinaryIO, cast

from store.chunker import MINIMUM, cut
from store.contents import ListWriter
from store.engine import ObjectWriter
from store.records import Entry

SYMLINK_MODE = stat.S_IFLNK | 0o777


def write_file(writer: ObjectWriter, data: bytes | BinaryIO, mode: int, mtime_ns: int) -> Entry:
    """Put the bytes of `data`, read to its end; the file's entry, still without a name. Memory: some chunks."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    head = _read_up_to(stream, MINIMUM)
    bits = stat.S_IFREG | stat.S_IMODE(mode)
    if len(head) < MINIMUM:
        content = writer.put(head) if head else None
        return Entry(b"", bits, mtime_ns, len(head), content)
    lists = ListWriter(writer.put)
    for chunk, size in writer.put_chunks(cut(cast(BinaryIO, _Rejoined(head, stream)))):
        lists.push(chunk, size)
    content, height = lists.finish()
    return Entry(b"", bits, mtime_ns, lists.size, content, height)


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


class _Rejoined(io.RawIOBase):
    """A stream with the bytes that were already read from it put back in front."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = memoryview(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        given = self._head[: len(buffer)] if self._head else self._rest.read(len(buffer))
        if self._head:
            self._head = self._head[len(given) :]
        buffer[: len(given)] = given
        return len(given)
