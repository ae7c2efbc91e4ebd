"""Bundles: chosen commits, and all they need, in one file.        store/format/bundle.md

    offset  size  type   field
    0       8     bytes  magic    b"PFSBNDL1"
    8       rest  records

and a record:

    0       4       bytes  kind     HEAD, CMIT, SEGM or DONE
    4       4       u32be  length   bytes of the body
    8       8       bytes  seal     first 8 bytes of the digest of (kind, number of the record as u64be, body)
    16      length  bytes  body

First one HEAD, then a CMIT for each commit, parents before children, then SEGMs (segment.md), then one DONE, whose body
is the BLAKE3-256 of all bytes before it.
"""

from __future__ import annotations

import struct

import msgspec

from store.errors import BadBundle
from store.ids import checksum

MAGIC = b"PFSBNDL1"
RECORD = struct.Struct(">4sI8s")
HEAD, COMMIT, SEGMENT, DONE = b"HEAD", b"CMIT", b"SEGM", b"DONE"
FORMAT = 1
MAX_BODY = 96 << 20
"""Bytes of a body that a reader takes; a segment has at most 64 MiB of payload, and rows."""
BRANCH, TAG, BARE = "b", "t", "c"
"""Kinds of refs; a bare one is a commit that nothing points to."""


class BundledRepo(msgspec.Struct, frozen=True, array_like=True):
    """A repo of which commits or refs are in the bundle; made where it is missing."""

    name: str
    description: str
    origin: str
    created_ns: int
    default_branch: str


class BundledRef(msgspec.Struct, frozen=True, array_like=True):
    """A branch, a tag, or a commit alone."""

    repo: str
    kind: str
    name: str
    """"" for a commit alone."""
    commit: bytes | None
    """None: a branch without commits."""


class Need(msgspec.Struct, frozen=True, array_like=True):
    """A commit that the receiver must have, with all before it."""

    repo: str
    commit: bytes
    digest: bytes


class BundleHeader(msgspec.Struct, frozen=True, array_like=True):
    """What a bundle says about itself."""

    format: int
    created_ns: int
    chunker: tuple[str, int, int, int]
    """How all files are cut, as in a store's header."""
    features: tuple[str, ...]
    """Of the store that it was made from: a reader refuses those that it does not know."""
    repos: tuple[BundledRepo, ...]
    refs: tuple[BundledRef, ...]
    needs: tuple[Need, ...]
    commits: int
    objects: int
    size: int
    """Bytes of all objects, before compression."""


class BundledCommit(msgspec.Struct, frozen=True, array_like=True):
    """A commit: the parts of its key, and its body as in `commit.md`."""

    repo: str
    id: bytes
    body: bytes


_encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode  # ids are bytes to the format


def encode(body: BundleHeader | BundledCommit) -> bytes:
    """The body of a HEAD or CMIT."""
    return _encode(body)


def record(kind: bytes, number: int, body: bytes) -> bytes:
    """The record with this body, the `number`-th of its bundle, counted from 0."""
    return RECORD.pack(kind, len(body), _seal(kind, number, body)) + body


def parse(raw: bytes, number: int) -> tuple[bytes, int, bytes]:
    """Kind, length and seal of the record that begins with these 16 bytes. Raises only BadBundle."""
    if len(raw) < RECORD.size:
        raise BadBundle(where(number), "the bundle was cut short")
    kind, length, seal = RECORD.unpack_from(raw)
    if kind not in (HEAD, COMMIT, SEGMENT, DONE) or length > MAX_BODY:
        raise BadBundle(where(number), "it does not begin like a record")
    return kind, length, seal


def check(kind: bytes, number: int, seal: bytes, body: bytes) -> None:
    """Raise BadBundle unless the seal is that of the body."""
    if _seal(kind, number, body) != seal:
        raise BadBundle(where(number), "its seal does not match")


def decode_header(body: bytes) -> BundleHeader:
    """Raises only BadBundle."""
    try:
        return msgspec.msgpack.decode(body, type=BundleHeader)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadBundle(where(0), str(error)) from None


def decode_commit(body: bytes, number: int) -> BundledCommit:
    """Raises only BadBundle."""
    try:
        return msgspec.msgpack.decode(body, type=BundledCommit)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadBundle(where(number), str(error)) from None


def where(number: int) -> str:
    """How a record is called in errors."""
    return f"bundle record {number}"


def _seal(kind: bytes, number: int, body: bytes) -> bytes:
    return checksum(kind, number.to_bytes(8, "big"), body)
