"""Where to cut a stream into chunks: FastCDC 2020 through pyfastcdc, about 1.5 GiB/s on one core without the GIL.

Source: W. Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems",
IEEE TPDS 31(9), 2020. The library's plain-Python implementation serves as the specification: a property test holds
the compiled one equal to it, and recorded boundaries keep a new version of either from moving them in silence.

The sizes: the growth per small edit and the cost of a cold random read follow the chunk size, and very small chunks
make large files slow to read. They are recorded in the store's header; all files of a store are cut alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from pyfastcdc import FastCDC

MINIMUM, AVERAGE, MAXIMUM = 16 << 10, 64 << 10, 256 << 10
"""Bytes in a chunk. A file below the minimum is one chunk."""


Fill = Callable[[memoryview], int]
"""Reads into a buffer; how many bytes, 0 at the end only."""


def _chunker() -> FastCDC:
    return FastCDC(AVERAGE, min_size=MINIMUM, max_size=MAXIMUM, normalized_chunking=1)


def cut(stream: BinaryIO) -> Iterator[bytes]:
    """The chunks of everything left in `stream`, in order; nothing for an empty one. Memory: a few chunks."""
    for chunk in _chunker().cut_stream(cast("_Readable", stream)):
        yield bytes(chunk.data)


def cut_whole(plain: memoryview) -> list[memoryview]:
    """The chunks of a file that is in memory, as views."""
    return [plain[chunk.offset : chunk.offset + chunk.length] for chunk in _chunker().cut_buf(plain)]


def cut_windows(fill: Fill, size: int, keep: int) -> Iterator[list[memoryview]]:
    """The same chunks as `cut` gives, as views into windows of `size` bytes that `fill` was asked to fill.

    The last `keep` windows stay as they are; the buffers of earlier ones are used again, since fresh pages cost as much
    as hashing what is put into them.
    """
    buffers: list[memoryview] = []
    rest = memoryview(b"")
    number = 0
    while True:
        if len(buffers) <= keep:
            buffers.append(memoryview(bytearray(size + MAXIMUM)))
        buffer = buffers[number % (keep + 1)]
        number += 1
        buffer[: len(rest)] = rest
        end, full = len(rest), len(rest) + size
        while end < full and (count := fill(buffer[end:full])):
            end += count
        # A cut is certain only where the longest possible chunk would still have fitted.
        certain = end if end < full else end - MAXIMUM
        chunks, at = [], 0
        for chunk in _chunker().cut_buf(buffer[:end]):
            if chunk.offset > certain:
                break
            at = chunk.offset + chunk.length
            chunks.append(buffer[chunk.offset : at])
        if chunks:
            yield chunks
        if end < full:
            return
        rest = buffer[at:end]


class _Readable:
    """What pyfastcdc asks of a stream; BinaryIO has it, with a looser type."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes."""
        raise AssertionError("a type only")
