"""Segments on their way to the disk: one batch is written by a thread while the next one collects.

LMDB's write lock is held, and the disk waited for, by that thread alone; whoever adds waits only when the disk is a
whole batch behind. What a batch could not write waits again, in the order it came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from store.engine.env import Environment
from store.engine.residence import Residence
from store.engine.txn import OBJECTS, SEGMENTS, Writing
from store.format import segment
from store.format.segment import Place
from store.ids import ObjectId

if TYPE_CHECKING:
    from concurrent.futures import Future

BATCH = 32 << 20
"""Bytes, compressed, that go to disk in one transaction: large enough that its fsync is cheap per byte."""

T = TypeVar("T")


class Segment(msgspec.Struct, frozen=True):
    """One segment that waits for its transaction."""

    rows: list[tuple[ObjectId, int]]
    """The id and length of each object, in the order of the payload."""
    record: bytes
    """The segment's bytes."""


class Batches:
    """Takes segments and writes them, in order, in batches. For one thread."""

    def __init__(self, env: Environment) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._env = env
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-disk")
        self._waiting: list[Segment] = []
        self._waiting_bytes = 0
        self._leaving: list[Segment] = []
        """The batch that the thread writes."""
        self._writing: Future[None] | None = None
        self.stored = 0
        """Bytes of segments written so far."""

    def close(self) -> None:
        """End the thread. What waits is given up; what is being written is written."""
        self._thread.shutdown()

    @property
    def idle(self) -> bool:
        """Whether nothing waits or is being written."""
        return not self._waiting and self._writing is None

    def names(self) -> set[ObjectId]:
        """The ids of all objects that are not known to be written yet."""
        return {name for each in (*self._leaving, *self._waiting) for name, _ in each.rows}

    def add(self, added: Segment) -> bool:
        """Take one more; whether a batch left for the disk. Raises what the one before it failed with: Full."""
        self._waiting.append(added)
        self._waiting_bytes += len(added.record)
        if self._waiting_bytes < BATCH:
            return False
        if (error := self._settle()) is not None:
            raise error
        leaving = self._leaving = self._waiting
        self._waiting, self._waiting_bytes = [], 0
        self._writing = self._thread.submit(
            self._env.write, lambda writing: _write(writing, leaving, self._env.residence)
        )
        return True

    def flush(self, also: Callable[[Writing], T] | None = None) -> T | None:
        """Write all that waits, and `also`, in one transaction; durable on return.

        When anything is raised, nothing of this transaction is written, and everything still waits.
        """
        self._settle()  # what it failed with may have passed: everything is tried again here
        waiting = self._waiting

        def work(writing: Writing) -> T | None:
            _write(writing, waiting, self._env.residence)
            return also(writing) if also is not None else None

        result = self._env.write(work)
        self.stored += self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0
        return result

    def _settle(self) -> BaseException | None:
        """Wait for the thread; what it failed with, after taking its batch back."""
        if self._writing is None:
            return None
        from concurrent.futures import wait

        wait([self._writing])
        error = self._writing.exception()
        size = sum(len(each.record) for each in self._leaving)
        if error is None:
            self.stored += size
        else:
            self._waiting[:0] = self._leaving
            self._waiting_bytes += size
        self._leaving, self._writing = [], None
        return error


def _write(writing: Writing, segments: list[Segment], residence: Residence) -> None:
    """Put segments and the places of their objects. An object that another process has put meanwhile keeps its
    place.
    """
    last = writing.last_key(SEGMENTS)
    number = 0 if last is None else int.from_bytes(last, "big")
    for each in segments:
        number += 1
        residence.touched()
        offset = 0
        places = []
        for name, length in each.rows:
            places.append((name, segment.encode_place(Place(number, offset, length))))
            offset += length
        places.sort()  # in their order, neighbours go to the same page
        if writing.put_new(OBJECTS, places):
            writing.put_raw(SEGMENTS, number.to_bytes(8, "big"), each.record, append=True)
        else:
            number -= 1
