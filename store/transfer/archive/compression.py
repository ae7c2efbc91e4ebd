"""Compressed streams, known by their first bytes, read in bounded memory whatever they announce."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import zstandard

from store.errors import BadArchive

MEMORY = 256 << 20
"""Bytes that unpacking xz may take; `xz -9` needs 65 MiB. zstd's own limit is a window of 128 MiB."""
PIECE = 64 << 10


def unpacked(stream: BinaryIO) -> BinaryIO:
    """What is in `stream`: unpacked when it is gzip, bzip2, xz or zstd, as it is otherwise."""
    head = b""
    while len(head) < 6 and (more := stream.read(6 - len(head))):
        head += more
    whole = cast(BinaryIO, io.BufferedReader(_Rejoined(head, stream), PIECE))
    if head.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=whole, mode="rb"))
    if head.startswith(b"BZh"):
        return cast(BinaryIO, bz2.BZ2File(whole))
    if head.startswith(b"\xfd7zXZ\x00"):
        return cast(BinaryIO, io.BufferedReader(_Xz(whole), PIECE))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        # No larger window than zstd itself takes without being asked to.
        unpacking = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        return cast(BinaryIO, unpacking.stream_reader(whole, read_across_frames=True, closefd=False))
    return whole


@contextmanager
def as_bad_archive() -> Iterator[None]:
    """What goes wrong in unpacking as BadArchive; errors of the system pass."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        raise BadArchive(str(error) or "it was cut short") from None
    except OSError as error:
        if error.errno is None:  # what gzip and bz2 raise for damage
            raise BadArchive(str(error)) from None
        raise


class _Rejoined(io.RawIOBase):
    """A stream with the bytes that were already read from it put back in front."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        given = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


class _Xz(io.RawIOBase):
    """xz with a limit on its memory, which LZMAFile cannot set."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._unpacking = source, self._fresh()

    @staticmethod
    def _fresh() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        while True:
            packed = b""
            if self._unpacking.eof:
                # Streams may follow each other, with zeros between them.
                packed = self._unpacking.unused_data.lstrip(b"\0") or self._source.read(PIECE).lstrip(b"\0")
                if not packed:
                    return 0
                self._unpacking = self._fresh()
            elif self._unpacking.needs_input and not (packed := self._source.read(PIECE)):
                raise EOFError("it was cut short")
            given = self._unpacking.decompress(packed, max_length=len(buffer))
            if given:
                buffer[: len(given)] = given
                return len(given)
