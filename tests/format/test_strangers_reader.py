"""A stranger gets every file out of a store with lmdb, zstandard, msgpack and the format pages, and without us.

Nothing of `store` is imported here: what this program knows is what the pages say.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest
import zstandard
from blake3 import blake3


class Stranger:
    """Reads one store."""

    def __init__(self, env: Any, txn: Any) -> None:
        self._env, self._txn = env, txn

    def get(self, table: bytes, key: bytes) -> bytes:
        value: bytes = self._txn.get(key, db=self._env.open_db(table, txn=self._txn, create=False))
        return value

    def sealed(self, table: bytes, key: bytes) -> Any:
        """sealed.md"""
        value = self.get(table, key)
        parts = (table, key, value[8:])
        seal = blake3(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
        assert value[:8] == seal[:8]
        return msgspec.msgpack.decode(value[8:])

    def object(self, name: bytes) -> bytes:
        """segment.md"""
        number, offset, length = struct.unpack(">QII", self.get(b"objects", name))
        record = self.get(b"segments", number.to_bytes(8, "big"))
        magic, codec, count, _ = struct.unpack_from(">4sB3xII", record)
        assert magic == b"PSEG"
        payload = record[16 + 36 * count :]
        plain = payload if codec == 0 else zstandard.ZstdDecompressor().decompress(payload)
        found = plain[offset : offset + length]
        assert blake3(found).digest() == name
        return found

    def head(self, repo: str, branch: str) -> Any:
        """tables.md, commit.md: the root's entry."""
        (commit,) = self.sealed(b"refs", f"{repo}\0b\0{branch}".encode())
        return self.sealed(b"commits", commit + repo.encode())[4]

    def entries(self, node: bytes | None) -> Iterator[list[Any]]:
        """node.md"""
        if node is not None:
            level, items = msgspec.msgpack.decode(self.object(node))
            for item in items:
                yield from [item] if level == 0 else self.entries(item[1])

    def content(self, name: bytes | None, height: int) -> bytes:
        """chunklist.md"""
        if name is None or height == 0:
            return b"" if name is None else self.object(name)
        level, items = msgspec.msgpack.decode(self.object(name))
        assert level == height
        return b"".join(self.content(below, height - 1) for below, _ in items)

    def files(self, directory: list[Any], path: str = "") -> Iterator[tuple[str, bytes]]:
        for entry in self.entries(directory[4]):
            below = path + entry[0].decode()
            if stat.S_ISDIR(entry[1]):
                yield from self.files(entry, below + "/")
            else:
                yield below, self.content(entry[4], entry[5])


@pytest.fixture
def stranger(a_store: Path) -> Iterator[Stranger]:
    with lmdb.open(str(a_store), max_dbs=16, readonly=True) as env, env.begin() as txn:
        yield Stranger(env, txn)


def test_a_stranger_reads_every_file(stranger, files):
    assert dict(stranger.files(stranger.head("trips", "master"))) == files


def test_a_stranger_finds_one_name_by_the_order_of_names(stranger):
    (many,) = (
        entry for entry in stranger.entries(stranger.head("trips", "master")[4]) if entry[0] == b"many"
    )
    level, items = msgspec.msgpack.decode(stranger.object(many[4]))
    while level:
        item = next(item for item in items if item[0] >= b"555")
        level, items = msgspec.msgpack.decode(stranger.object(item[1]))
    (entry,) = (item for item in items if item[0] == b"555")
    assert stranger.content(entry[4], entry[5]) == b"555"
