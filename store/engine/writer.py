"""Writing new objects in large batches.

Chunks of large files get a segment each, so that a small read unpacks little and a sequential read is
sequential on disk; small objects (nodes, small files) that arrive together share a segment, so that they compress
together and a scan of many small files is a sequential read. Hashing, looking up and compressing happen on all cores in
threads that live as long as the writer; LMDB's write lock is held only to put down what is ready, one batch at a time.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeVar

from store.engine.env import OBJECTS, SEGMENTS, Environment, Writing
from store.engine.residence import Residence
from store.format import segment
from store.format.segment import Place
from store.ids import ObjectId

ALONE = 16 << 10
"""Objects of at least so many bytes get a segment of their own."""
SHARED = 256 << 10
"""Bytes of small objects in a shared segment."""
WINDOW = 4 << 20
"""Bytes of chunks that a thread hashes and compresses in one go."""
BATCH = 32 << 20
"""Bytes, compressed, that go to disk in one transaction: large enough that its fsync is cheap per byte."""
LEVEL_ALONE, LEVEL_SHARED = 1, 3
"""zstd levels: chunks of large files for speed, small objects (which compress together) for size."""

T = TypeVar("T")


class ObjectWriter:
    """Puts objects that are not there yet; use as a context manager.

    Everything put is durable after `flush`, and invisible garbage if the process ends before. No sweep drops anything
    while a writer lives (`lease.py`). Not for use by several threads at once.
    """

    def __init__(self, env: Environment, *, threads: int | None = None) -> None:
        self._env = env
        self._lease = env.lease()  # before anything is looked up: what is found there must stay
        weakref.finalize(self, self._lease.release)
        self._loose = False
        """Whether something was flushed that nothing refers to yet."""
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="store-writer")
        self._pending: dict[ObjectId, bytes] = {}
        self._pending_bytes = 0
        self._ready: list[tuple[list[tuple[ObjectId, int]], bytes]] = []
        """Segments waiting for their transaction: the rows, and the record."""
        self._ready_bytes = 0
        self._seen: set[ObjectId] = set()
        """Objects in `_pending` and `_ready`."""
        self.stored = 0
        """Bytes of segments written so far, after compression."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        # What was saved may be pinned or grafted yet, unless it was given up.
        self._lease.release(linger=self._loose and not any(exception))

    def put(self, plain: bytes) -> ObjectId:
        """Store one small object (a node, a small file); its id."""
        name = ObjectId.of(plain)
        if name not in self._seen and not self._known([name]):
            self._add_small(name, plain)
        return name

    def put_chunks(self, chunks: Iterable[bytes]) -> Iterator[tuple[ObjectId, int]]:
        """Store the chunks of a file; gives (id, size) for each, in order. Memory: a few windows and one batch."""
        self._lease.check()
        running: deque[Future[list[_Prepared]]] = deque()
        depth = (os.cpu_count() or 1) + 1
        for window in _windows(chunks):
            running.append(self._pool.submit(self._prepare, window))
            if len(running) > depth:
                yield from self._collect(running.popleft().result())
        while running:
            yield from self._collect(running.popleft().result())

    def flush(self, also: Callable[[Writing], T] | None = None) -> T | None:
        """Write what is waiting, and `also`, in one transaction; durable on return.

        When `also` raises, nothing of this transaction is written and everything still waits.
        """
        self._lease.check()
        self._seal_small()
        ready = self._ready

        def work(writing: Writing) -> T | None:
            _write(writing, ready, self._env.residence)
            return also(writing) if also is not None else None

        result = self._env.write(work)
        self.stored += self._ready_bytes
        self._ready, self._ready_bytes = [], 0
        self._seen.clear()
        self._loose = also is None
        if also is not None:
            self._env.leases.settle()
        return result

    def _prepare(self, chunks: list[bytes]) -> list[_Prepared]:
        """In a thread: hash, look up, and compress what is new and large."""
        names = [ObjectId.of(chunk) for chunk in chunks]
        known = self._known(names)
        self._env.residence.let_go_if_large()  # looking up touches pages all over the file
        prepared = []
        for name, chunk in zip(names, chunks, strict=True):
            if name in known:
                prepared.append(_Prepared(name, len(chunk), None, None))
            elif len(chunk) < ALONE:
                prepared.append(_Prepared(name, len(chunk), chunk, None))
            else:
                prepared.append(
                    _Prepared(name, len(chunk), None, segment.encode([(name, chunk)], LEVEL_ALONE))
                )
        return prepared

    def _collect(self, prepared: list[_Prepared]) -> Iterator[tuple[ObjectId, int]]:
        for item in prepared:
            if item.name not in self._seen:
                if item.plain is not None:
                    self._add_small(item.name, item.plain)
                elif item.record is not None:
                    self._seen.add(item.name)
                    self._add_record([(item.name, item.size)], item.record)
            yield item.name, item.size

    def _known(self, names: list[ObjectId]) -> set[ObjectId]:
        with self._env.read() as reading:
            return {name for name in names if reading.get_raw(OBJECTS, name) is not None}

    def _add_small(self, name: ObjectId, plain: bytes) -> None:
        self._seen.add(name)
        self._pending[name] = plain
        self._pending_bytes += len(plain)
        if self._pending_bytes >= SHARED:
            self._seal_small()

    def _seal_small(self) -> None:
        if self._pending:
            objects = list(self._pending.items())
            self._pending, self._pending_bytes = {}, 0
            self._add_record(
                [(name, len(plain)) for name, plain in objects], segment.encode(objects, LEVEL_SHARED)
            )

    def _add_record(self, rows: list[tuple[ObjectId, int]], record: bytes) -> None:
        self._ready.append((rows, record))
        self._ready_bytes += len(record)
        if self._ready_bytes >= BATCH:
            # Forgotten only when written: after Full everything still waits, and the next batch tries again.
            self._env.write(lambda writing: _write(writing, self._ready, self._env.residence))
            self.stored += self._ready_bytes
            self._ready, self._ready_bytes = [], 0
            self._seen = set(self._pending)


class _Prepared:
    """What a thread has made of one chunk."""

    __slots__ = ("name", "plain", "record", "size")

    def __init__(self, name: ObjectId, size: int, plain: bytes | None, record: bytes | None) -> None:
        self.name, self.size, self.plain, self.record = name, size, plain, record


def _windows(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    window: list[bytes] = []
    size = 0
    for chunk in chunks:
        window.append(chunk)
        size += len(chunk)
        if size >= WINDOW:
            yield window
            window, size = [], 0
    if window:
        yield window


def _write(
    writing: Writing, ready: list[tuple[list[tuple[ObjectId, int]], bytes]], residence: Residence
) -> None:
    """Put segments and the places of their objects. An object that another process has put meanwhile keeps its
    place.
    """
    last = writing.last_key(SEGMENTS)
    number = 0 if last is None else int.from_bytes(last, "big")
    for rows, record in ready:
        number += 1
        residence.touched()
        offset = 0
        fresh = False
        for name, length in rows:
            if writing.get_raw(OBJECTS, name) is None:
                writing.put_raw(OBJECTS, name, segment.encode_place(Place(number, offset, length)))
                fresh = True
            offset += length
        if fresh:
            writing.put_raw(SEGMENTS, number.to_bytes(8, "big"), record, append=True)
        else:
            number -= 1
