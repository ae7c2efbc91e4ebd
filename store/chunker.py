"""Where to cut a stream into chunks: FastCDC 2020 through pyfastcdc, about 1.5 GiB/s on one core without the GIL.

Source: W. Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems",
IEEE TPDS 31(9), 2020. The library's plain-Python implementation serves as the specification: a property test holds
the compiled one equal to it, and recorded boundaries keep a new version of either from moving them in silence.

The sizes: the growth per small edit and the cost of a cold random read follow the chunk size, and very small chunks
make large files slow to read. They are recorded in the store's header; all files of a store are cut alike, also by
later versions.        store/format/tables.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, Protocol, Self, cast

import msgspec

from store.errors import Corrupt
from store.format.tables import COARSE, FINE, Cutting

if TYPE_CHECKING:
    from pyfastcdc import FastCDC

Level = Literal[1, 2]
LEVELS: dict[Cutting, Level] = {COARSE: 1, FINE: 2}
"""The ways of cutting that there are, and their normalization: how much the sizes of chunks keep to the average."""
Fill = Callable[[memoryview], int]
"""Reads into a buffer; how many bytes, 0 at the end only."""
WORTH = 4
"""Chunks of the largest size that a hole has room for, to be worth looking for it: cutting at its edges reads two."""


class Holes(Protocol):
    """What a stream knows of the zeros that it is about to give."""

    def ahead(self, least: int) -> tuple[int, int]:
        """How many bytes come before the next hole of at least `least` bytes, and how long that is; 0: there is none.

        What is left of a hole that the stream is in is a hole.
        """

    def skip(self, size: int) -> None:
        """Leave out the next bytes, which lie in a hole."""


class Window(NamedTuple):
    """Some chunks in order."""

    chunks: Sequence[memoryview]
    times: int = 1
    """How often they come; more than once if it is one chunk, of zeros."""


class Chunker(msgspec.Struct, frozen=True):
    """Cuts streams in one certain way."""

    minimum: int
    """Bytes in a chunk that is not a file's last. A file below this is one chunk."""
    average: int
    maximum: int
    level: Level
    """Of normalization."""

    @classmethod
    def of(cls, cutting: Cutting) -> Self:
        """The one that a header names. Raises Corrupt for what cannot be."""
        if cutting not in LEVELS:
            raise Corrupt("header", f"its chunker is {cutting}")
        _, minimum, average, maximum = cutting
        return cls(minimum, average, maximum, LEVELS[cutting])

    def cut(self, stream: BinaryIO) -> Iterator[bytes]:
        """The chunks of everything left in `stream`, in order; nothing for an empty one. Memory: a few chunks."""
        for chunk in self._chunker().cut_stream(cast("_Readable", stream)):
            yield bytes(chunk.data)

    def cut_whole(self, plain: memoryview) -> list[memoryview]:
        """The chunks of a file that is in memory, as views."""
        return [plain[chunk.offset : chunk.offset + chunk.length] for chunk in self._chunker().cut_buf(plain)]

    def cut_windows(self, fill: Fill, size: int, keep: int, holes: Holes | None = None) -> Iterator[Window]:
        """The same chunks as `cut` gives, as views into windows of `size` bytes that `fill` was asked to fill.

        The last `keep` windows stay as they are; the buffers of earlier ones are used again, since fresh pages cost as
        much as hashing what is put into them. Long `holes` are not read: their chunks are all the same one.
        """
        buffers: list[memoryview] = []
        rest = memoryview(b"")
        number = 0
        while True:
            before, hole = (size, 0) if holes is None else holes.ahead(WORTH * self.maximum)
            if len(buffers) <= keep:
                room = size + self.maximum * (1 if holes is None else 2)
                buffers.append(memoryview(bytearray(room)))
            buffer = buffers[number % (keep + 1)]
            number += 1
            buffer[: len(rest)] = rest
            end, full = len(rest), len(rest) + (min(size, before) if hole else size)
            while end < full and (count := fill(buffer[end:full])):
                end += count
            if hole and end == full and before <= size:
                # Cutting goes on until a chunk begins in the hole, `into` bytes after its beginning.
                buffer[end : end + self.maximum] = bytes(self.maximum)
                chunks, at = self._cut_up_to(buffer[: end + self.maximum], end - 1)
                into = at - end
                zeros = self.cut_whole(memoryview(bytes(self.maximum)))[0]
                # The last ones are read, since a chunk depends on what follows it up to the longest possible one.
                times = (hole - into - self.maximum) // len(zeros)
                assert holes is not None, "whoever tells of a hole can skip it"
                holes.skip(into + times * len(zeros))
                rest = memoryview(b"")
                if chunks:
                    yield Window(chunks)
                yield Window([zeros], times)
                continue
            # A cut is certain only where the longest possible chunk would still have fitted.
            chunks, at = self._cut_up_to(buffer[:end], end if end < full else end - self.maximum)
            if chunks:
                yield Window(chunks)
            if end < full:
                return
            rest = buffer[at:end]

    def _cut_up_to(self, plain: memoryview, last: int) -> tuple[list[memoryview], int]:
        """The chunks that begin at `last` or before it, and where the last of them ends."""
        chunks, at = [], 0
        for chunk in self._chunker().cut_buf(plain):
            if chunk.offset > last:
                break
            at = chunk.offset + chunk.length
            chunks.append(plain[chunk.offset : at])
        return chunks, at

    def _chunker(self) -> FastCDC:
        from pyfastcdc import FastCDC  # 30 ms that whoever reads need not wait

        return FastCDC(
            self.average, min_size=self.minimum, max_size=self.maximum, normalized_chunking=self.level
        )


class _Readable:
    """What pyfastcdc asks of a stream; BinaryIO has it, with a looser type."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes."""
        raise AssertionError("a type only")
