"""Writing new objects in large batches.

Neighbouring chunks of large files share a segment of at most 96 KiB, so that a small read unpacks little and a
sequential read is sequential on disk; small files that arrive together share a segment, so that they compress together
and a scan of many is a sequential read. Nodes share segments of their own: whoever walks or lists many directories
unpacks no files. What makes one segment altogether, as a small commit does, is one.

    caller      cuts, and says what goes where                   one thread
    pool        hashes, looks up, compresses (`packing.py`)      all cores
    disk        writes a batch, one transaction (`batches.py`)   one thread

All threads live as long as the writer. Whoever hands over work takes its results back in order, so what refers to an
object is always written after it or together with it.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from store.chunker import Chunker
from store.engine.batches import Batches, Segment
from store.engine.env import Environment
from store.engine.packing import LEVEL_SHARED, Packed, Plain, pack
from store.engine.txn import OBJECTS, Writing
from store.errors import Corrupt
from store.format import segment, tables
from store.ids import ObjectId

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["LEVEL_SHARED", "SHARED", "WINDOW", "ObjectWriter"]

SHARED = 256 << 10
"""Bytes of small objects in a shared segment. With a segment of their own for nodes, walking 20,000 files in 200
directories unpacks 3 MB; where they lay among the files, it was 53 MB."""
NODES = 64 << 10
"""Bytes of nodes in a segment of theirs, once they are so many: who looks for something unpacks one for each node."""
WINDOW = 4 << 20
"""Bytes of chunks that a thread hashes and compresses in one go."""

P = ParamSpec("P")
T = TypeVar("T")


class Shared:
    """Small objects that wait for a segment."""

    def __init__(self) -> None:
        self.objects: dict[ObjectId, bytes] = {}
        self.size = 0
        """Bytes of all of them."""

    def take(self) -> list[tuple[ObjectId, bytes]]:
        """All that wait, in the order they came; none does from here on."""
        taken, self.objects, self.size = list(self.objects.items()), {}, 0
        return taken


class ObjectWriter:
    """Puts objects that are not there yet; use as a context manager.

    Everything put is durable after `flush`, and invisible garbage if the process ends before. No sweep drops anything
    while a writer lives (`lease.py`). Not for use by several threads at once.
    """

    def __init__(self, env: Environment, *, threads: int | None = None) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._env = env
        self.chunker = _chunker(env)
        """How this store's files are cut."""
        self._lease = env.lease()  # before anything is looked up: what is found there must stay
        weakref.finalize(self, self._lease.release)
        self._loose = False
        """Whether something was flushed that nothing refers to yet."""
        self.threads = threads or os.cpu_count() or 1
        """How many work at once."""
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="store-writer")
        self._batches = Batches(env)
        self._files, self._nodes = Shared(), Shared()
        """Small files and nodes that will share the next segments of theirs."""
        self._sealing: deque[tuple[list[tuple[ObjectId, int]], Future[bytes]]] = deque()
        """Shared segments that are being compressed."""
        self._seen: set[ObjectId] = set()
        """Objects that were taken and may not be written yet."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._batches.close()
        # What was saved may be pinned or grafted yet, unless it was given up.
        self._lease.release(linger=self._loose and not any(exception))

    @property
    def stored(self) -> int:
        """Bytes of segments written so far, after compression."""
        return self._batches.stored

    # taking objects

    def put(self, plain: bytes) -> ObjectId:
        """Store one node, of a directory or of a list of chunks; its id. What it refers to was put before."""
        return self._put(plain, self._nodes)

    def put_file(self, plain: bytes) -> ObjectId:
        """Store a small file's one chunk; its id."""
        return self._put(plain, self._files)

    def _put(self, plain: bytes, shared: Shared) -> ObjectId:
        name = ObjectId.of(plain)
        if name not in self._seen:
            with self._env.read() as reading:
                known = reading.get_raw(OBJECTS, name) is not None
            if not known:
                self._add_small(name, plain, shared)
        return name

    def put_chunks(self, chunks: Iterable[bytes]) -> Iterator[tuple[ObjectId, int]]:
        """Store the chunks of a file; gives (id, size) for each, in order. Memory: a few windows and two batches."""
        return ((name, size) for name, size, _ in self.put_runs((chunk, 1) for chunk in chunks))

    def put_runs(self, chunks: Iterable[tuple[bytes, int]]) -> Iterator[tuple[ObjectId, int, int]]:
        """The same for chunks that each come as often as is said; gives (id, size, times)."""
        return self.put_windows(_windows(chunks))

    def put_windows(
        self, windows: Iterable[tuple[Sequence[Plain], int]]
    ) -> Iterator[tuple[ObjectId, int, int]]:
        """The same for chunks that come in windows (`Window`), whose buffers stay as they are while `threads` + 2 more
        come; gives (id, size, times): what comes several times is one chunk.
        """
        self._lease.check()
        running: deque[tuple[Future[list[Packed]], int]] = deque()

        def taken() -> Iterator[tuple[ObjectId, int, int]]:
            packed, times = running.popleft()
            return ((name, size, times) for name, size in self.take(packed.result()))

        for window, times in windows:
            running.append((self.submit(self.pack, window), times))
            if len(running) > self.threads + 1:
                yield from taken()
        while running:
            yield from taken()

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a thread of the pool do `work`."""
        return self._pool.submit(work, *args, **kwargs)

    def pack(self, objects: Sequence[Plain]) -> list[Packed]:
        """Hash, look up and compress; for threads of the pool. What it gives has to be taken."""
        return pack(self._env, objects)

    def take(self, packed: Iterable[Packed]) -> Iterator[tuple[ObjectId, int]]:
        """Store what `pack` gave; (id, size) for each. Objects that refer to others come after them."""
        for item in packed:
            yield self.take_one(item)

    def take_one(self, item: Packed) -> tuple[ObjectId, int]:
        """The same for one object."""
        name, plain = item.name, item.plain
        if plain is not None:
            if name not in self._seen:
                self._add_small(name, plain, self._files)
        elif item.segment is not None:
            self._add_large(item.segment)
        return name, item.size

    def present(self, names: Iterable[bytes]) -> set[bytes]:
        """Those of the objects `names` that are in the store already, where they stay as long as this writer lives."""
        with self._env.read() as reading:
            return reading.present(OBJECTS, names)

    # writing them

    def write_out(self) -> None:
        """Write what is waiting; durable on return. Nothing refers to it yet, and the edit that will is still on."""
        self._lease.check()
        self._seal_all()
        self._collect_sealed(0)
        if not self._batches.idle:
            self._batches.flush()
        self._seen.clear()

    def flush(self, also: Callable[[Writing], T] | None = None) -> T | None:
        """Write what is waiting, and `also`, in one transaction; durable on return.

        When `also` raises, nothing of this transaction is written and everything still waits.
        """
        self._lease.check()
        self._seal_all()
        self._collect_sealed(0)
        result = self._batches.flush(also)
        self._seen.clear()
        self._loose = also is None
        if also is not None:
            self._env.leases.settle()
        return result

    def _add_small(self, name: ObjectId, plain: bytes, shared: Shared) -> None:
        self._seen.add(name)
        shared.objects[name] = plain
        shared.size += len(plain)
        if shared.size >= SHARED:
            self._seal(self._files)  # nodes refer to them, and are not written before them
            if shared is self._nodes:
                self._seal_nodes()
            self._collect_sealed(self.threads + 1)

    def _add_large(self, made: Segment) -> None:
        before = len(self._seen)
        self._seen.update(name for name, _ in made.rows)
        if len(self._seen) > before:  # what else is in it lies in two segments, of which the first one counts
            self._add(made)

    def _seal_all(self) -> None:
        if self._files.size + self._nodes.size < SHARED:
            self._seal(self._files, self._nodes)
        else:
            self._seal(self._files)
            self._seal_nodes()

    def _seal(self, *shared: Shared) -> None:
        """Have what waits there compressed, as one segment."""
        self._compress([each for one in shared for each in one.take()])

    def _seal_nodes(self) -> None:
        """Have all nodes that wait compressed, in segments of NODES bytes."""
        part: list[tuple[ObjectId, bytes]] = []
        size = 0
        for each in self._nodes.take():
            part.append(each)
            size += len(each[1])
            if size >= NODES:
                self._compress(part)
                part, size = [], 0
        self._compress(part)

    def _compress(self, objects: list[tuple[ObjectId, bytes]]) -> None:
        if objects:
            rows = [(name, len(plain)) for name, plain in objects]
            self._sealing.append((rows, self.submit(segment.encode_shared, objects, LEVEL_SHARED)))

    def _collect_sealed(self, leave: int) -> None:
        """Hand on the shared segments that are compressed, in order; wait until at most `leave` are not."""
        while self._sealing and (len(self._sealing) > leave or self._sealing[0][1].done()):
            rows, record = self._sealing[0]
            made = Segment(rows, record.result())
            self._sealing.popleft()
            self._add(made)

    def _add(self, made: Segment) -> None:
        if self._batches.add(made):
            # What the disk has by now is found there; what is not is remembered.
            self._seen = {*self._files.objects, *self._nodes.objects, *self._batches.names()}
            self._seen.update(name for rows, _ in self._sealing for name, _ in rows)


def _chunker(env: Environment) -> Chunker:
    with env.read() as reading:
        body = reading.get(tables.META, tables.HEADER_KEY)
    if body is None:
        raise Corrupt("header", "it is missing")
    return Chunker.of(tables.decode(tables.Header, body).chunker)


def _windows(chunks: Iterable[tuple[bytes, int]]) -> Iterator[tuple[list[bytes], int]]:
    window: list[bytes] = []
    size = 0
    for chunk, times in chunks:
        if times > 1 and window:
            yield window, 1
            window, size = [], 0
        window.append(chunk)
        size += len(chunk)
        if times > 1 or size >= WINDOW:
            yield window, times
            window, size = [], 0
    if window:
        yield window, 1
