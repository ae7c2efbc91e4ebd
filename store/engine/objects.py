"""Objects: reading them out of segments. Each is checked against its id; nothing unchecked is ever given out.

A chunk of a large file is copied once, out of the map or out of what zstd unpacked, and hashed where it was copied to.
Everything that takes long (zstd, BLAKE3, waiting for the disk) happens without Python's lock, so threads that read at
once use all cores.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter_ns

from store import locks
from store.buffers import filled
from store.engine import inplace
from store.engine.env import Environment
from store.engine.index import Index
from store.engine.txn import OBJECTS, SEGMENTS, Reading
from store.errors import Corrupt
from store.format import segment
from store.format.segment import Place
from store.ids import ObjectId
from store.records import Extent

View = bytes | memoryview
GROUP = 1 << 20
"""Bytes of chunks that are found and unpacked together."""


class SegmentCache:
    """Unpacked shared segments, most recently used last; at most `limit` bytes. Safe to use from threads."""

    def __init__(self, limit: int = 16 << 20) -> None:
        self._limit, self._held = limit, 0
        self._payloads: OrderedDict[int, bytes] = OrderedDict()
        self._lock = locks.lock()

    def get(self, number: int) -> bytes | None:
        with self._lock:
            payload = self._payloads.get(number)
            if payload is not None:
                self._payloads.move_to_end(number)
            return payload

    def put(self, number: int, payload: bytes) -> None:
        with self._lock:
            if number not in self._payloads:
                self._payloads[number] = payload
                self._held += len(payload)
            while self._held > self._limit:
                self._held -= len(self._payloads.popitem(last=False)[1])


class Cut:
    """Checked chunks of which somebody has taken the beginning, and will soon want the rest: the last few.

    Whoever reads from front to back asks for a MiB at a time, and a MiB ends within a chunk: without these, one chunk
    in thirteen is unpacked and checked twice. Safe to use from threads.
    """

    def __init__(self, limit: int = 16) -> None:
        self._limit = limit
        self._chunks: OrderedDict[ObjectId, View] = OrderedDict()
        self._lock = locks.lock()

    def put(self, name: ObjectId, plain: View) -> None:
        with self._lock:
            self._chunks[name] = plain
            if len(self._chunks) > self._limit:
                self._chunks.popitem(last=False)

    def take(self, name: ObjectId) -> View | None:
        with self._lock:
            return self._chunks.pop(name, None)


class ObjectReader:
    """Gives objects by id, each checked against its id. Safe to use from threads."""

    def __init__(self, env: Environment, cache: SegmentCache | None = None) -> None:
        self._env = env
        self._cache = SegmentCache() if cache is None else cache
        self._cuts = Cut()

    def get(self, name: ObjectId) -> bytes:
        """The object's bytes. Raises Corrupt when it is missing or is not what its id says."""
        with self._env.read() as reading:
            return read_object(reading, name, self._unpack, self._env.index)

    def fetch(self, extents: Sequence[Extent]) -> bytes:
        """The bytes of `extents`, joined. Raises Corrupt."""
        if len(extents) == 1 and extents[0].size < GROUP:
            self._env.access.note(extents)
            with self._env.read() as reading:
                name, start, size = extents[0]
                plain, number = _find(reading, name, self._unpack, self._env.index)
                if len(plain) != size:
                    return bytes(_part(name, plain, number, start, size))
                found = bytes(plain)
                _require(name, found, number)
                return found
        size = sum(extent.size for extent in extents)
        return filled(size, lambda buffer: self.fetch_into(extents, buffer))

    def fetch_into(self, extents: Sequence[Extent], buffer: memoryview) -> None:
        """Fill `buffer`, which has room for exactly these bytes. Raises Corrupt; then what is in it is worthless."""
        at = 0
        self._env.access.note(extents)
        with self._env.read() as reading:
            for group in _groups(extents):
                copied: list[tuple[ObjectId, memoryview, int]] = []
                found, placed = self._find_all(reading, group, buffer[at:])
                for extent, (plain, number) in zip(group, found, strict=True):
                    name, start, size = extent
                    into = buffer[at : at + size]
                    if len(plain) == size:  # checked where it was copied to
                        if number not in placed:
                            into[:] = plain
                        copied.append((name, into, number))
                    else:
                        into[:] = _part(name, plain, number, start, size)
                    at += size
                for name, into, number in copied:
                    _require(name, into, number)

    @contextmanager
    def lend(self, extents: Sequence[Extent]) -> Iterator[list[View]]:
        """The bytes of `extents` in pieces, which are valid until the block ends. Raises Corrupt.

        For who passes them on at once: to join a MiB is to copy it, into memory that the kernel has to clear first.
        """
        pieces: list[View] = []
        self._env.access.note(extents)
        with self._env.read() as reading:
            if extents and extents[0].start and (cut := self._cuts.take(extents[0].chunk)) is not None:
                pieces.append(memoryview(cut)[extents[0].start : extents[0].start + extents[0].size])
            for group in _groups(extents[len(pieces) :]):
                found, _ = self._find_all(reading, group)
                for extent, (plain, number) in zip(group, found, strict=True):
                    name, start, size = extent
                    # What lies in the map could become other bytes between the check and their use: it is copied.
                    own = bytes(plain) if _in_map(plain) else plain
                    pieces.append(_part(name, own, number, start, size))
                    if extent is extents[-1] and not start and size < len(own):
                        self._cuts.put(name, own)
            yield pieces

    def _find_all(
        self, reading: Reading, extents: Sequence[Extent], buffer: memoryview | None = None
    ) -> tuple[list[tuple[View, int]], set[int]]:
        """`_find` for several, together where nothing is wrong with any of them. What lies in some segments is put into
        the `buffer` at once, whose beginning is for all these bytes: the numbers of those.
        """
        names = [extent.chunk for extent in extents]
        if len(names) > 1:
            began = perf_counter_ns()
            values = reading.get_many(OBJECTS, names)
            self._env.index.looked(reading, perf_counter_ns() - began)
            try:
                if len(values) == len(names):
                    places = [segment.decode_place(value) for value in values]
                    targets: dict[int, memoryview] = {}
                    if buffer is not None:
                        for number, (start, end) in inplace.plan(extents, places).items():
                            targets[number] = buffer[start:end]
                    return self._find_places(reading, places, targets)
            except Corrupt:
                pass  # one by one, each is named that is damaged
        return [_find(reading, name, self._unpack, self._env.index) for name in names], set()

    def _find_places(
        self, reading: Reading, places: list[Place], targets: Mapping[int, memoryview]
    ) -> tuple[list[tuple[View, int]], set[int]]:
        """What lies at the `places`; and the segments among those that have a target which were unpacked there."""
        payloads: dict[int, memoryview] = {}
        wanted: dict[int, int] = {}
        """The bytes that are asked for of each segment that has to be unpacked."""
        for number, _, length in places:
            if number in wanted:
                wanted[number] += length
            elif number not in payloads:
                if (cached := self._cache.get(number)) is None:
                    wanted[number] = length
                else:
                    payloads[number] = memoryview(cached)
        self._env.access.ask_for(reading.number, wanted)
        records = reading.get_many(SEGMENTS, [number.to_bytes(8, "big") for number in wanted])
        if len(records) < len(wanted):
            raise Corrupt("segment", "one is missing")
        self._env.residence.touched(len(wanted))
        others: dict[int, memoryview] = {}
        placed: set[int] = set()
        for number, record in zip(wanted, records, strict=True):
            if number in targets and segment.decode_into(record, targets[number]):
                payloads[number] = targets[number]
                placed.add(number)
            else:
                others[number] = record
        unpacked = segment.decode_all(list(others.values()))
        for (number, record), payload in zip(others.items(), unpacked, strict=True):
            payloads[number] = payload
            if wanted[number] < len(payload) and not segment.is_raw(record):
                self._cache.put(number, bytes(payload))  # what else is in it may be asked for next
        return [
            (payload if length == len(payload) else payload[start : start + length], number)
            for number, start, length in places
            for payload in (payloads[number],)
        ], placed

    def _unpack(self, reading: Reading, place: Place) -> View:
        payload: View | None = self._cache.get(place.segment)
        if payload is None:
            self._env.access.ask_for(reading.number, (place.segment,))
            payload = unpack(reading, place)
            self._env.residence.touched()
            if len(payload) > place.length and isinstance(payload, bytes):
                self._cache.put(place.segment, payload)
        return payload


def _groups(extents: Sequence[Extent]) -> Iterator[Sequence[Extent]]:
    """The extents in order, some at a time: so many are found and unpacked together."""
    start = size = 0
    for index, extent in enumerate(extents):
        size += extent.size
        if size >= GROUP:
            yield extents[start : index + 1]
            start, size = index + 1, 0
    if start < len(extents):
        yield extents[start:]


def unpack(reading: Reading, place: Place) -> View:
    """The payload of the segment of `place`; a view is valid as long as `reading` lasts. Raises Corrupt."""
    record = reading.get_raw(SEGMENTS, place.segment.to_bytes(8, "big"))
    if record is None:
        raise Corrupt(f"segment {place.segment}", "it is missing")
    return segment.decode(record)


Unpack = Callable[[Reading, Place], View]


def read_object(
    reading: Reading, name: ObjectId, unpack: Unpack = unpack, index: Index | None = None
) -> bytes:
    """The object's bytes. Raises Corrupt when it is missing or is not what its id says."""
    found, number = _find(reading, name, unpack, index)
    plain = bytes(found)
    _require(name, plain, number)
    return plain


def _find(reading: Reading, name: ObjectId, unpack: Unpack, index: Index | None) -> tuple[View, int]:
    """What lies where the object should lie, not checked yet, and the number of that segment. Raises Corrupt
    when nothing does. `index` is told how long the look for the place took.
    """
    began = perf_counter_ns()
    value = reading.get_raw(OBJECTS, name)
    if index is not None:
        index.looked(reading, perf_counter_ns() - began)
    if value is None:
        raise Corrupt(f"object {name}", "it is missing")
    try:
        place = segment.decode_place(value)
        payload = unpack(reading, place)
    except Corrupt as error:
        raise Corrupt(f"object {name}", f"{error.record}: {error.why}") from None
    if place.length == len(payload):
        return payload, place.segment
    return memoryview(payload)[place.offset : place.offset + place.length], place.segment


def _part(name: ObjectId, plain: View, number: int, start: int, size: int) -> View:
    """The bytes from `start` on of the chunk `name`, which is checked. Raises Corrupt."""
    _require(name, plain, number)
    if len(plain) < start + size:
        raise Corrupt(f"chunk {name}", f"it has {len(plain)} bytes, fewer than its file says")
    return memoryview(plain)[start : start + size]


def _in_map(plain: View) -> bool:
    """Whether these are bytes of the map, which have no owner, and not some that were unpacked."""
    return isinstance(plain, memoryview) and plain.obj is None


def _require(name: ObjectId, plain: View, number: int) -> None:
    if not name.names(plain):
        raise Corrupt(f"object {name}", f"segment {number} holds other bytes")
