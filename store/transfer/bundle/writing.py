"""Writing a bundle, in one read transaction: what it holds is one state of the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import BinaryIO

from blake3 import blake3

from store.engine import Environment, Reading, Refs
from store.engine.txn import SEGMENTS
from store.errors import Corrupt
from store.format import bundle, segment, tables
from store.format import commit as commits
from store.format.bundle import BundledCommit, BundledRef, BundledRepo, BundleHeader
from store.format.segment import PLACE, decode_place
from store.format.tables import Header
from store.ids import ObjectId
from store.transfer.bundle.plan import BundlePlan, Named, missing

LARGE = 16 << 10
"""Objects of at least so many bytes do not share the segments of small ones, as in a store."""
SHARED = 256 << 10
"""Bytes of small objects that are put together."""
LEVEL_LARGE, LEVEL_SHARED = 1, 3

Progress = Callable[[int, int], None]
"""Told how many bytes more, before compression, of how many in all."""


def plan_bundle(env: Environment, refs: Sequence[BundledRef], since: Sequence[Named]) -> BundlePlan:
    """What the bundle would hold. Raises CommitNotFound, Corrupt."""
    with env.read() as reading:
        return missing(reading, refs, since)


def write_bundle(
    env: Environment,
    header: Header,
    refs: Sequence[BundledRef],
    since: Sequence[Named],
    stream: BinaryIO,
    progress: Progress = lambda size, total: None,
) -> BundlePlan:
    """Write the bundle of `refs` for a receiver that has `since`, every object checked; what it holds.

    Raises what `stream` raises, CommitNotFound, and Corrupt; what was written then is no whole bundle, and every reader
    sees that.
    """
    with env.read() as reading:
        plan = missing(reading, refs, since)
        out = _Out(stream)
        out.put(bundle.HEAD, bundle.encode(_header(reading, header, plan)))
        for repo, commit in plan.commits:
            body = reading.get(commits.TABLE, commits.key(commit, repo))  # as it is: nothing is encoded anew
            if body is None:
                raise Corrupt(f"commit {repo}@{commit}", "it is missing")
            out.put(bundle.COMMIT, bundle.encode(BundledCommit(repo, bytes(commit), body)))
        for record, size in _segments(reading, plan.places, env.residence.touched):
            out.put(bundle.SEGMENT, record)
            progress(size, plan.size)
        out.finish()
    return plan


def _header(reading: Reading, header: Header, plan: BundlePlan) -> BundleHeader:
    look = Refs(reading)
    repos = []
    for name in sorted({*(ref.repo for ref in plan.refs), *(repo for repo, _ in plan.commits)}):
        body = look.get_repo(name)
        repos.append(BundledRepo(name, body.description, body.origin, body.created_ns, body.default_branch))
    return BundleHeader(
        format=bundle.FORMAT,
        created_ns=time.time_ns(),
        chunker=header.chunker,
        features=tuple(name for name in header.features if name in tables.OF_CONTENTS),
        repos=tuple(repos),
        refs=plan.refs,
        needs=plan.needs,
        commits=len(plan.commits),
        objects=plan.objects,
        size=plan.size,
    )


class _Out:
    """Numbers the records, and knows the digest of all that was written."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._hasher, self._number = stream, blake3(), 0
        self._write(bundle.MAGIC)

    def put(self, kind: bytes, body: bytes) -> None:
        self._write(bundle.record(kind, self._number, body))
        self._number += 1

    def finish(self) -> None:
        self.put(bundle.DONE, self._hasher.digest())
        self._stream.flush()

    def _write(self, raw: bytes) -> None:
        self._hasher.update(raw)
        self._stream.write(raw)


def _segments(
    reading: Reading, places: Sequence[bytes], touched: Callable[[], None]
) -> Iterator[tuple[bytes, int]]:
    """Segments that hold exactly the objects at `places`, and the bytes of those: the store's own where all of one is
    wanted, new ones of what is wanted of the others. What else a segment holds may be nobody's business.
    """
    pending: list[tuple[ObjectId, bytes]] = []
    pending_bytes = 0
    for number, group in groupby(places, key=lambda place: place[:8]):
        record = reading.get_raw(SEGMENTS, number)
        touched()
        if record is None:
            raise Corrupt(f"segment {int.from_bytes(number, 'big')}", "it is missing")
        payload = segment.decode(record)
        objects = [_cut(payload, place) for place in group]
        if [(name, len(plain)) for name, plain in objects] == segment.rows(record):
            yield bytes(record), len(payload)
            continue
        for name, plain in objects:
            if len(plain) >= LARGE:
                yield segment.encode([(name, plain)], LEVEL_LARGE), len(plain)
                continue
            pending.append((name, plain))
            pending_bytes += len(plain)
            if pending_bytes >= SHARED:
                yield segment.encode(pending, LEVEL_SHARED), pending_bytes
                pending, pending_bytes = [], 0
    if pending:
        yield segment.encode(pending, LEVEL_SHARED), pending_bytes


def _cut(payload: bytes | memoryview, place: bytes) -> tuple[ObjectId, bytes]:
    """The object at `place`, checked. Raises Corrupt."""
    name, at = ObjectId(place[PLACE.size :]), decode_place(place[: PLACE.size])
    plain = bytes(payload[at.offset : at.offset + at.length])
    if ObjectId.of(plain) != name:
        raise Corrupt(f"object {name}", f"segment {at.segment} holds other bytes")
    return name, plain
