"""Sealed values: how every small record is guarded.        store/format/sealed.md

    offset  size  type   field
    0       8     bytes  seal   first 8 bytes of the digest of (table, key, body)
    8       rest  bytes  body   the record's own encoding

LMDB keeps no checksums. The seal covers the table's name and the key as well as the body, so that a flipped bit
and a record that turns up under another key are both noticed.
"""

from __future__ import annotations

from store.errors import Corrupt
from store.ids import checksum

SEAL = 8


def seal(table: bytes, key: bytes, body: bytes) -> bytes:
    """`body` with its seal in front, ready to be stored under `key` of `table`."""
    return checksum(table, key, body) + body


def unseal(table: bytes, key: bytes, value: bytes | memoryview) -> bytes:
    """The body of a sealed value. Raises Corrupt, naming table and key, and nothing else."""
    raw = bytes(value)
    body = raw[SEAL:]
    if len(raw) < SEAL or checksum(table, key, body) != raw[:SEAL]:
        raise Corrupt(f"{table.decode()} record {key[:48].hex()}", "its seal does not match")
    return body


def is_sealed(table: bytes, key: bytes, value: bytes | memoryview) -> bool:
    """Whether the value is one that was stored under `key`."""
    return checksum(table, key, bytes(value[SEAL:])) == value[:SEAL]
