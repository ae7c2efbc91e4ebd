"""Bytes from the disk can only raise Corrupt."""

from __future__ import annotations

import struct

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from store.errors import Corrupt
from store.format import bundle, chunklist, commit, node, sealed, segment, tables
from store.ids import ObjectId
from store.records import Entry

DECODERS = {
    "sealed": lambda raw: sealed.unseal(b"table", b"key", raw),
    "segment": segment.decode,
    "rows": segment.rows,
    "place": segment.decode_place,
    "node": node.decode,
    "chunk list": chunklist.decode,
    "commit": lambda raw: commit.decode(b"0123456789abcdeftrips", raw),
    "commit key": lambda raw: commit.split_key(raw),
    "header": lambda raw: tables.decode(tables.Header, raw),
    "repo": lambda raw: tables.decode(tables.RepoBody, raw),
    "ref": lambda raw: tables.decode(tables.RefBody, raw),
    "pin": lambda raw: tables.decode(tables.PinBody, raw),
    "draft's note": lambda raw: tables.decode(tables.DraftNote, raw),
    "draft's name": tables.split_draft_key,
    "bundle header": bundle.decode_header,
    "bundled commit": lambda raw: bundle.decode_commit(raw, 1),
    "bundle record": lambda raw: bundle.parse(raw, 1),
}
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.binary(max_size=40)
    | st.text(max_size=8),
    lambda below: st.lists(below, max_size=6) | st.dictionaries(st.binary(max_size=4), below, max_size=3),
)
ENTRY = Entry(b"a", 0o100644, 1, 2, b"x" * 32)
REAL = [
    segment.encode([(ObjectId.of(b"a" * 5000), b"a" * 5000)], 1),
    segment.encode([(ObjectId.of(b"ab"), b"ab")], 1),
    node.encode(0, [ENTRY, Entry(b"b", 0o040755, 1, 2, xattrs={b"a": b"b"})]),
    node.encode(1, [node.summary(0, [ENTRY], ObjectId.of(b""))]),
    chunklist.encode(1, [chunklist.Piece(b"x" * 32, 5)]),
    tables.encode(tables.PinBody(ENTRY, b"note")),
    tables.encode(tables.RepoBody("d", "user", 1)),
]


@st.composite
def nearly_real(draw: st.DrawFn) -> bytes:
    """A real record with a few bytes changed, cut or repeated."""
    raw = bytearray(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        kind = draw(st.sampled_from(("set", "cut", "insert")))
        if kind == "set" and at < len(raw):
            raw[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del raw[at:]
        else:
            raw[at:at] = draw(st.binary(max_size=5))
    return bytes(raw)


@pytest.mark.parametrize("kind", DECODERS)
@given(raw=st.binary(max_size=200) | PLAIN.map(msgspec.msgpack.encode) | nearly_real())
def test_a_decoder_fed_anything_gives_a_record_or_corrupt(kind, raw):
    try:
        DECODERS[kind](raw)
    except Corrupt as error:
        message = str(error)
    else:
        message = "fine"
    assert message.isprintable()


@pytest.mark.parametrize("kind", ["node", "chunk list", "pin"])
def test_a_bomb_of_nested_lists_is_corrupt(kind):
    with pytest.raises(Corrupt):
        DECODERS[kind](b"\x91" * 100_000)


@pytest.mark.parametrize("kind", ["node", "chunk list"])
def test_a_list_that_claims_to_be_huge_is_corrupt(kind):
    with pytest.raises(Corrupt):
        DECODERS[kind](b"\x92\x01\xdd\xff\xff\xff\xff")


def test_a_node_or_list_without_items_is_corrupt():
    for level in (0, 1):
        with pytest.raises(Corrupt):
            node.decode(msgspec.msgpack.encode([level, []]))
    with pytest.raises(Corrupt):
        chunklist.decode(msgspec.msgpack.encode([1, []]))


def test_a_frame_that_announces_more_than_its_segment_is_refused_before_it_is_unpacked():
    row = segment.ROW.pack(b"x" * 32, 100)
    frame = bytearray(zstandard.ZstdCompressor().compress(bytes(100_000)))
    bomb = bytes(frame[:4]) + b"\xe0" + struct.pack("<Q", 1 << 50) + bytes(20)
    for body in (bytes(frame), bomb):
        with pytest.raises(Corrupt):
            segment.decode(segment.HEADER.pack(segment.MAGIC, segment.ZSTD, 1, 100) + row + body)


def test_a_segment_that_claims_to_be_huge_is_refused():
    with pytest.raises(Corrupt):
        segment.decode(segment.HEADER.pack(segment.MAGIC, segment.RAW, 0, segment.MAX_PLAIN + 1))
