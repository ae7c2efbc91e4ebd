"""A stranger gets every file out of a bundle with zstandard, msgpack, blake3 and the format pages, and without us.

Nothing of `store` is used to read it: what this program knows is what the pages say.
"""

from __future__ import annotations

import io
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from blake3 import blake3

import store


class Stranger:
    """Reads one bundle, all of it in memory."""

    def __init__(self, raw: bytes) -> None:
        """bundle.md"""
        assert raw[:8] == b"PFSBNDL1"
        at = 8
        self.header: Any = None
        self.commits: dict[tuple[str, bytes], Any] = {}
        self.objects: dict[bytes, bytes] = {}
        for number in range(len(raw)):
            kind, length, seal = struct.unpack_from(">4sI8s", raw, at)
            body = raw[at + 16 : at + 16 + length]
            parts = (kind, number.to_bytes(8, "big"), body)
            assert (
                blake3(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()[:8] == seal
            )
            if kind == b"DONE":
                assert body == blake3(raw[:at]).digest() and at + 16 + length == len(raw)
                return
            at += 16 + length
            if kind == b"HEAD":
                self.header = msgspec.msgpack.decode(body)
            elif kind == b"CMIT":
                repo, commit, record = msgspec.msgpack.decode(body)
                self.commits[repo, commit] = msgspec.msgpack.decode(record)
            else:
                self._segment(body)

    def _segment(self, record: bytes) -> None:
        """segment.md"""
        magic, codec, count, _ = struct.unpack_from(">4sB3xII", record)
        assert magic == b"PSEG"
        payload = record[16 + 36 * count :]
        plain = payload if codec == 0 else zstandard.ZstdDecompressor().decompress(payload)
        start = 0
        for name, length in struct.iter_unpack(">32sI", record[16 : 16 + 36 * count]):
            self.objects[name] = plain[start : start + length]
            start += length
            assert blake3(self.objects[name]).digest() == name

    def entries(self, node: bytes | None) -> Iterator[list[Any]]:
        """node.md"""
        if node is not None:
            level, items = msgspec.msgpack.decode(self.objects[node])
            for item in items:
                yield from [item] if level == 0 else self.entries(item[1])

    def content(self, name: bytes | None, height: int) -> bytes:
        """chunklist.md"""
        if name is None or height == 0:
            return b"" if name is None else self.objects[name]
        _, items = msgspec.msgpack.decode(self.objects[name])
        return b"".join(self.content(below, height - 1) for below, _ in items)

    def files(self, directory: list[Any], path: str = "") -> Iterator[tuple[str, bytes]]:
        for entry in self.entries(directory[4]):
            below = path + entry[0].decode()
            if stat.S_ISDIR(entry[1]):
                yield from self.files(entry, below + "/")
            else:
                yield below, self.content(entry[4], entry[5])


def test_a_stranger_reads_every_file_of_a_bundle(a_store: Path, files: dict[str, bytes]):
    made = io.BytesIO()
    with store.open(a_store) as data:
        data.write_bundle(made, ["trips"])
    stranger = Stranger(made.getvalue())
    ((repo, _, name, head),) = stranger.header[5]
    assert (repo, name) == ("trips", "master")
    assert len(stranger.commits) == stranger.header[7] == 2
    assert len(stranger.objects) == stranger.header[8]
    assert dict(stranger.files(stranger.commits[repo, head][4])) == files
