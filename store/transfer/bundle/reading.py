"""Reading a bundle: record by record, each checked against its seal, and the whole against its digest at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from blake3 import blake3

from store import names
from store.chunker import LEVELS
from store.errors import BadBundle, BadName, Corrupt, Refused
from store.format import bundle, segment, tables
from store.format.bundle import BundledCommit, BundleHeader
from store.ids import ObjectId
from store.records import MAKERS

PIECE = 1 << 20
"""Bytes to read at a time: a body that announces more than there is takes no more memory than there is."""

MAX_ROWS = 1 << 19
"""Objects in a segment; those that are put together hold at most half as many."""


class BundleReader:
    """Gives the parts of a bundle in their order: `header`, then `commits`, then `segments` to the end."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read the header. Raises BadBundle; Refused for a bundle of a newer version."""
        self._stream, self._hasher, self._number = stream, blake3(), 0
        self._before = b""
        magic = self._read(len(bundle.MAGIC))
        if magic != bundle.MAGIC:
            raise BadBundle("bundle", "it does not begin like one")
        kind, body = self._record()
        if kind != bundle.HEAD:
            raise BadBundle(bundle.where(0), "a header is expected here")
        self.header = _checked(bundle.decode_header(body))
        self._next = self._record()

    def commits(self) -> Iterator[tuple[int, BundledCommit]]:
        """Each commit, with the number of its record."""
        count = 0
        while self._next[0] == bundle.COMMIT:
            yield self._number - 1, bundle.decode_commit(self._next[1], self._number - 1)
            count += 1
            self._next = self._record()
        if count != self.header.commits:
            raise BadBundle("bundle", f"{self.header.commits} commits are announced, {count} are there")

    def objects(self) -> Iterator[tuple[ObjectId, bytes | memoryview]]:
        """Each object with the id that it is said to have, to be checked by whoever takes it; to the very end, which
        is checked.
        """
        count = size = 0
        while self._next[0] == bundle.SEGMENT:
            for name, plain in _unpacked(self._next[1], self._number - 1):
                size += len(plain)
                if not plain or size > self.header.size:
                    raise BadBundle(bundle.where(self._number - 1), "it holds other sizes than are announced")
                yield name, plain
                count += 1
            self._next = self._record()
        kind, body = self._next
        if kind != bundle.DONE:
            raise BadBundle(bundle.where(self._number - 1), "it does not belong here")
        if body != self._before:
            raise BadBundle(
                bundle.where(self._number - 1), "the bundle's digest is not that of what was read"
            )
        if self._stream.read(1):
            raise BadBundle("bundle", "something follows its end")
        if count != self.header.objects:
            raise BadBundle("bundle", f"{self.header.objects} objects are announced, {count} are there")

    def _record(self) -> tuple[bytes, bytes]:
        self._before = self._hasher.digest()
        number = self._number
        kind, length, seal = bundle.parse(self._read(bundle.RECORD.size), number)
        body = self._read(length)
        if len(body) < length:
            raise BadBundle(bundle.where(number), "the bundle was cut short")
        bundle.check(kind, number, seal, body)
        self._number += 1
        return kind, body

    def _read(self, size: int) -> bytes:
        parts = []
        while size and (part := self._stream.read(min(size, PIECE))):
            parts.append(part)
            size -= len(part)
        raw = b"".join(parts)
        self._hasher.update(raw)
        return raw


def bundle_header(stream: BinaryIO) -> BundleHeader:
    """What a bundle says that it holds; nothing else of it is read. Raises BadBundle, Refused."""
    return BundleReader(stream).header


def verify_bundle(stream: BinaryIO) -> BundleHeader:
    """Read all of a bundle, and check every byte that can be checked without a store; its header. Raises BadBundle."""
    reader = BundleReader(stream)
    for _ in reader.commits():
        pass
    for name, plain in reader.objects():
        if ObjectId.of(plain) != name:
            raise BadBundle(f"object {name}", "its bytes are others")
    return reader.header


def _unpacked(record: bytes, number: int) -> Iterator[tuple[ObjectId, bytes | memoryview]]:
    if int.from_bytes(record[8:12], "big") > MAX_ROWS:
        raise BadBundle(bundle.where(number), "it holds too many objects")
    try:
        rows, payload = segment.rows(record), segment.decode(record)
    except Corrupt as error:
        raise BadBundle(bundle.where(number), error.why) from None
    start = 0
    for name, length in rows:
        yield name, payload[start : start + length]
        start += length


def _checked(header: BundleHeader) -> BundleHeader:
    """The header, if everything in it can be. Raises BadBundle, Refused."""
    unknown = [name for name in header.features if name not in tables.FEATURES]
    if header.format > bundle.FORMAT or unknown:
        raise Refused("the bundle was made by a newer version; upgrade pfsfuse")
    if header.chunker not in LEVELS:
        raise BadBundle(bundle.where(0), "its files are cut in another way")
    try:
        known = {names.repo(repo.name) for repo in header.repos}
        for repo in header.repos:
            names.branch(repo.default_branch)
        for ref in header.refs:
            if ref.kind == bundle.BRANCH:
                names.branch(ref.name)
            elif ref.kind == bundle.TAG:
                names.tag(ref.name)
            elif ref.kind != bundle.BARE or ref.name:
                raise BadBundle(bundle.where(0), "a ref in it is of no kind")
            if ref.repo not in known or (ref.commit is None and ref.kind != bundle.BRANCH):
                raise BadBundle(bundle.where(0), "a ref in it cannot be")
        for need in header.needs:
            names.repo(need.repo)
    except BadName as error:
        raise BadBundle(bundle.where(0), str(error)) from None
    ids = [ref.commit for ref in header.refs if ref.commit is not None] + [
        need.commit for need in header.needs
    ]
    pointed = [(ref.repo, ref.name) for ref in header.refs if ref.name]
    if len(set(pointed)) < len(pointed):
        raise BadBundle(bundle.where(0), "two refs in it have one name")
    if len(known) != len(header.repos) or any(len(name) != 16 for name in ids):
        raise BadBundle(bundle.where(0), "an id or a name in it cannot be")
    origins = {repo.origin for repo in header.repos}.difference(MAKERS)
    if origins or any(not 0 <= repo.created_ns < 1 << 63 for repo in header.repos):
        raise BadBundle(bundle.where(0), "a repo in it cannot be")
    return header
