"""Segments and where objects lie in them.        store/format/segment.md

A segment is a container of objects, compressed as one and read as one:

    offset  size      type   field
    0       4         bytes  magic   b"PSEG"
    4       1         u8     codec   0 = raw, 1 = zstd; any other value is Corrupt
    5       3         bytes  zero
    8       4         u32be  count   objects in it
    12      4         u32be  plain   bytes of the payload after decoding
    16      36*count  rows   id (32 bytes), length (u32be), in the order of the payload
    ..      rest      bytes  payload, encoded by codec

and an object's place, the value under its id in the table `objects`:

    0       8         u64be  segment
    8       4         u32be  offset  within the decoded payload
    12      4         u32be  length

The rows make a segment complete in itself: it can travel to another store, or be read when the table `objects` is lost.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import zstandard

from store.errors import Corrupt
from store.ids import ObjectId

MAGIC = b"PSEG"
HEADER = struct.Struct(">4sB3xII")
ROW = struct.Struct(">32sI")
PLACE = struct.Struct(">QII")
RAW, ZSTD = 0, 1
MAX_PLAIN = 64 << 20
"""Bytes of payload that a reader is willing to unpack; writers stay below 1 MiB."""
PIECE = 1 << 10
"""Bytes of a damaged payload to unpack at a time: what came before the damage was given out by then."""
WORTH = 0.95
"""zstd must leave less than this share of the plain bytes; otherwise they are kept raw and cost nothing to read."""


class Place(NamedTuple):
    """Where an object lies."""

    segment: int
    offset: int
    length: int


Plain = bytes | memoryview


def encode(objects: Sequence[tuple[bytes, Plain]], level: int) -> bytes:
    """The segment that holds `objects` (ids and bytes) in order, zstd-compressed at `level` where that gains at least
    5 %.
    """
    payload = objects[0][1] if len(objects) == 1 else b"".join([plain for _, plain in objects])
    packed = _compressor(level).compress(payload)
    codec, body = (ZSTD, packed) if len(packed) < len(payload) * WORTH else (RAW, payload)
    rows = b"".join([ROW.pack(name, len(plain)) for name, plain in objects])
    return b"".join((HEADER.pack(MAGIC, codec, len(objects), len(payload)), rows, body))


def encode_shared(objects: Sequence[tuple[bytes, Plain]], level: int) -> bytes:
    """The segment that holds several small `objects`, compressed as a sample of them compresses best: at `level`, or in
    a way that suits numbers.
    """
    some = [objects[int(turn * GOLDEN % 1 * len(objects))] for turn in range(SAMPLED)]
    sample = b"".join([plain[:SAMPLE] for _, plain in some])
    as_text, as_numbers = (len(_compressor(way).compress(sample)) for way in (level, NUMBERS))
    return encode(objects, NUMBERS if as_numbers < as_text * DOUBT else level)


NUMBERS = 0
"""A "level" of our own: zstd's fastest search with a table of 64 places. In text that is mostly digits, matches from
far away are accidents, and describing them costs more than the digits: 20,000 files of JSON numbers take 29.0 MB so and
32.4 MB at level 3, in half the time. Other text takes half as much space again, so it is tried first.
"""
SAMPLE, SAMPLED = 1 << 10, 16
"""Bytes to try both ways, from the beginning of each of so many objects. Of objects of several kinds that lie together,
32 KiB of whole ones, which are few, are wrong about one segment in 20, and take twice as long."""
GOLDEN = 0.6180339887
"""Turns of so much of a circle come everywhere alike, and keep no step with files of two kinds that alternate."""
DOUBT = 0.97
"""A sample is shorter than a segment, in which `level` finds more than here."""
_SUITS_NUMBERS = zstandard.ZstdCompressionParameters(
    window_log=19, hash_log=6, chain_log=6, search_log=1, min_match=4, strategy=zstandard.STRATEGY_FAST
)
_kept = threading.local()
"""A compressor of each level for each thread: making one takes as long as compressing a small segment."""


def _compressor(level: int) -> zstandard.ZstdCompressor:
    try:
        made: dict[int, zstandard.ZstdCompressor] = _kept.made
    except AttributeError:
        made = _kept.made = {}
    if level not in made:
        made[level] = (
            zstandard.ZstdCompressor(compression_params=_SUITS_NUMBERS)
            if level == NUMBERS
            else zstandard.ZstdCompressor(level=level, write_content_size=True)
        )
    return made[level]


def decode(record: bytes | memoryview) -> bytes | memoryview:
    """The plain payload. A raw one is a view into `record`, valid as long as `record` is. Raises only Corrupt."""
    codec, body, plain = _body(record)
    payload: bytes | memoryview = body
    if codec == ZSTD:
        try:
            payload = _decompressor().decompress(body, max_output_size=plain)
        except zstandard.ZstdError as error:
            raise Corrupt("segment", str(error)) from None
    _require_size(payload, plain)
    return payload


def decode_all(records: Sequence[bytes | memoryview]) -> list[memoryview]:
    """The plain payloads of several, for which Python's lock is let go of once and not for each. Raises only Corrupt.

    What was unpacked shares one allocation, which lasts as long as any view of it.
    """
    bodies = [_body(record) for record in records]
    frames: list[bytes | bytearray | memoryview] = [body for codec, body, _ in bodies if codec == ZSTD]
    try:
        unpacked = iter(_decompressor().multi_decompress_to_buffer(frames)) if frames else iter(())
    except zstandard.ZstdError as error:
        raise Corrupt("segment", str(error)) from None
    found = [body if codec == RAW else memoryview(cast(Any, next(unpacked))) for codec, body, _ in bodies]
    for payload, (_, _, plain) in zip(found, bodies, strict=True):
        _require_size(payload, plain)
    return found


def decode_into(record: bytes | memoryview, buffer: memoryview) -> bool:
    """Fill `buffer` with the plain payload, if that is compressed and fits exactly; whether it was.

    Raises only Corrupt; then what is in the buffer is worthless.
    """
    codec, body, plain = _body(record)
    if codec != ZSTD or plain != len(buffer):
        return False
    try:
        size = _decompressor().stream_reader(body).readinto(buffer)
    except zstandard.ZstdError as error:
        raise Corrupt("segment", str(error)) from None
    _require_size(buffer[:size], plain)
    return True


def decode_beginning(record: bytes | memoryview) -> bytes:
    """As much of the payload, from its beginning, as a damaged segment gives; unchecked. Raises only Corrupt."""
    codec, count, plain = _header(record)
    body = memoryview(record)[HEADER.size + ROW.size * count :]
    if codec == RAW:
        return bytes(body[:plain])
    unpacked = bytearray()
    unpack = zstandard.ZstdDecompressor().decompressobj().decompress
    try:
        for at in range(0, len(body), PIECE):
            unpacked += unpack(body[at : at + PIECE])
            if len(unpacked) > plain:
                break
    except zstandard.ZstdError:
        pass  # from here on it is not what was written
    return bytes(unpacked[:plain])


def with_rows(record: bytes | memoryview, wanted: Sequence[tuple[ObjectId, int]]) -> bytes:
    """The segment with the same payload and other rows. Raises only Corrupt."""
    codec, count, plain = _header(record)
    table = b"".join(ROW.pack(name, length) for name, length in wanted)
    body = bytes(memoryview(record)[HEADER.size + ROW.size * count :])
    return HEADER.pack(MAGIC, codec, len(wanted), plain) + table + body


def rows(record: bytes | memoryview) -> list[tuple[ObjectId, int]]:
    """The ids and lengths of the objects in a segment, in order. Raises only Corrupt."""
    _, count, plain = _header(record)
    table = memoryview(record)[HEADER.size : HEADER.size + ROW.size * count]
    found = [(ObjectId(name), length) for name, length in ROW.iter_unpack(table)]
    if sum(length for _, length in found) != plain:
        raise Corrupt("segment", "its rows do not add up to its payload")
    return found


def is_raw(record: bytes | memoryview) -> bool:
    """Whether the payload lies there as it is, so that nothing has to be unpacked. Raises only Corrupt."""
    return _header(record)[0] == RAW


def plain_size(record: bytes | memoryview) -> int:
    """The bytes of the payload after decoding, as the header says. Raises only Corrupt."""
    return _header(record)[2]


def encode_place(place: Place) -> bytes:
    """The value under an object's id."""
    return PLACE.pack(place.segment, place.offset, place.length)


def decode_place(value: bytes | memoryview) -> Place:
    """Where the object lies. Raises only Corrupt."""
    if len(value) != PLACE.size:
        raise Corrupt("objects record", f"{PLACE.size} bytes expected, {len(value)} found")
    return Place._make(PLACE.unpack(value))


def _decompressor() -> zstandard.ZstdDecompressor:
    """The calling thread's own: one may not be used by two at once, and making one costs as much as 5 KiB of data."""
    found: zstandard.ZstdDecompressor | None = getattr(_of_thread, "decompressor", None)
    if found is None:
        found = _of_thread.decompressor = zstandard.ZstdDecompressor()
    return found


_of_thread = threading.local()


def _body(record: bytes | memoryview) -> tuple[int, memoryview, int]:
    """A segment's codec, its payload as it is encoded, and the bytes that this must give."""
    codec, count, plain = _header(record)
    body = memoryview(record)[HEADER.size + ROW.size * count :]
    # Asked first, because the library makes room for whatever the frame announces.
    if codec == ZSTD and _announced(body) != plain:
        raise Corrupt("segment", f"payload of {plain} bytes expected, another size announced")
    return codec, body, plain


def _announced(frame: memoryview) -> int:
    try:
        size: int = zstandard.frame_content_size(frame)
        return size
    except zstandard.ZstdError as error:
        raise Corrupt("segment", str(error)) from None


def _require_size(payload: bytes | memoryview, plain: int) -> None:
    if len(payload) != plain:
        raise Corrupt("segment", f"payload of {plain} bytes expected, {len(payload)} found")


def _header(record: bytes | memoryview) -> tuple[int, int, int]:
    if len(record) < HEADER.size:
        raise Corrupt("segment", f"{len(record)} bytes are too few")
    magic, codec, count, plain = HEADER.unpack_from(record)
    if magic != MAGIC or codec not in (RAW, ZSTD) or plain > MAX_PLAIN:
        raise Corrupt("segment", "its header is not one of ours")
    if len(record) < HEADER.size + ROW.size * count:
        raise Corrupt("segment", f"{count} rows announced, fewer present")
    return codec, count, plain
