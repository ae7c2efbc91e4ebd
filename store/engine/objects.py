"""Objects: reading them out of segments. Each is checked against its id; nothing unchecked is ever given out.

A chunk of a large file is copied once, out of the map or out of what zstd unpacked, and hashed where it was copied to.
Everything that takes long (zstd, BLAKE3, waiting for the disk) happens without Python's lock, so threads that read at
once use all cores.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from store import locks
from store.buffers import filled
from store.engine.env import Environment
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
            return read_object(reading, name, self._unpack)

    def fetch(self, extents: Sequence[Extent]) -> bytes:
        """The bytes of `extents`, joined. Raises Corrupt."""
        if len(extents) == 1 and extents[0].size < GROUP:
            with self._env.read() as reading:
                plain, unchecked = self._cut(extents[0], *_find(reading, extents[0].chunk, self._unpack))
                found = bytes(plain)
                if unchecked is not None:
                    _require(extents[0].chunk, found, unchecked)
                return found
        size = sum(extent.size for extent in extents)
        return filled(size, lambda buffer: self.fetch_into(extents, buffer))

    def fetch_into(self, extents: Sequence[Extent], buffer: memoryview) -> None:
        """Fill `buffer`, which has room for exactly these bytes. Raises Corrupt; then what is in it is worthless."""
        at = 0
        with self._env.read() as reading:
            for group in _groups(extents):
                copied: list[tuple[ObjectId, memoryview, int]] = []
                for extent, (plain, place) in zip(group, self._find_all(reading, group), strict=True):
                    into = buffer[at : at + extent.size]
                    into[:], unchecked = self._cut(extent, plain, place)
                    if unchecked is not None:
                        copied.append((extent.chunk, into, unchecked))
                    at += extent.size
                for name, into, number in copied:
                    _require(name, into, number)

    @contextmanager
    def lend(self, extents: Sequence[Extent]) -> Iterator[list[View]]:
        """The bytes of `extents` in pieces, which are valid until the block ends. Raises Corrupt.

        For who passes them on at once: to join a MiB is to copy it, into memory that the kernel has to clear first.
        """
        pieces: list[View] = []
        with self._env.read() as reading:
            if extents and extents[0].start and (cut := self._cuts.take(extents[0].chunk)) is not None:
                pieces.append(memoryview(cut)[extents[0].start : extents[0].start + extents[0].size])
            for group in _groups(extents[len(pieces) :]):
                for extent, (plain, place) in zip(group, self._find_all(reading, group), strict=True):
                    # What lies in the map could become other bytes between the check and their use: it is copied.
                    own = bytes(plain) if _in_map(plain) else plain
                    piece, unchecked = self._cut(extent, own, place)
                    if unchecked is not None:
                        _require(extent.chunk, piece, unchecked)
                    elif extent is extents[-1] and not extent.start:
                        self._cuts.put(extent.chunk, own)
                    pieces.append(piece)
            yield pieces

    @staticmethod
    def _cut(extent: Extent, plain: View, place: Place) -> tuple[View, int | None]:
        """The bytes of `extent`. All of a chunk are to be checked where they are copied to: then with their segment."""
        if len(plain) == extent.size:
            return plain, place.segment
        _require(extent.chunk, plain, place.segment)
        if len(plain) < extent.start + extent.size:
            raise Corrupt(f"chunk {extent.chunk}", f"it has {len(plain)} bytes, fewer than its file says")
        return memoryview(plain)[extent.start : extent.start + extent.size], None

    def _find_all(self, reading: Reading, extents: Sequence[Extent]) -> list[tuple[View, Place]]:
        """`_find` for several, together where nothing is wrong with any of them."""
        names = [extent.chunk for extent in extents]
        if len(names) > 1:
            values = reading.get_many(OBJECTS, names)
            try:
                if len(values) == len(names):
                    return self._find_places(reading, [segment.decode_place(value) for value in values])
            except Corrupt:
                pass  # one by one, each is named that is damaged
        return [_find(reading, name, self._unpack) for name in names]

    def _find_places(self, reading: Reading, places: list[Place]) -> list[tuple[View, Place]]:
        payloads: dict[int, View] = {}
        for number in {place.segment for place in places}:
            if (cached := self._cache.get(number)) is not None:
                payloads[number] = cached
        missing = list(dict.fromkeys(place.segment for place in places if place.segment not in payloads))
        records = reading.get_many(SEGMENTS, [number.to_bytes(8, "big") for number in missing])
        if len(records) < len(missing):
            raise Corrupt("segment", "one is missing")
        payloads.update(zip(missing, segment.decode_all(records), strict=True))
        self._env.residence.touched(len(missing))
        for place in places:
            if place.length < len(payload := payloads[place.segment]) and place.segment in missing:
                self._cache.put(
                    place.segment, bytes(payload)
                )  # shared with others, which may be asked for next
        return [(_slice(payloads[place.segment], place), place) for place in places]

    def _unpack(self, reading: Reading, place: Place) -> View:
        payload: View | None = self._cache.get(place.segment)
        if payload is None:
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


def read_object(reading: Reading, name: ObjectId, unpack: Unpack = unpack) -> bytes:
    """The object's bytes. Raises Corrupt when it is missing or is not what its id says."""
    found, place = _find(reading, name, unpack)
    plain = bytes(found)
    _require(name, plain, place.segment)
    return plain


def _find(reading: Reading, name: ObjectId, unpack: Unpack) -> tuple[View, Place]:
    """What lies where the object should lie, not checked yet, and where that is. Raises Corrupt when nothing does."""
    value = reading.get_raw(OBJECTS, name)
    if value is None:
        raise Corrupt(f"object {name}", "it is missing")
    try:
        place = segment.decode_place(value)
        payload = unpack(reading, place)
    except Corrupt as error:
        raise Corrupt(f"object {name}", f"{error.record}: {error.why}") from None
    return _slice(payload, place), place


def _slice(payload: View, place: Place) -> View:
    """What lies at `place` in its segment."""
    if place.length == len(payload):
        return payload
    return memoryview(payload)[place.offset : place.offset + place.length]


def _in_map(plain: View) -> bool:
    """Whether these are bytes of the map, which have no owner, and not some that were unpacked."""
    return isinstance(plain, memoryview) and plain.obj is None


def _require(name: ObjectId, plain: View, number: int) -> None:
    if ObjectId.of(plain) != name:
        raise _mismatch(name, number)


def _mismatch(name: ObjectId, number: int) -> Corrupt:
    return Corrupt(f"object {name}", f"segment {number} holds other bytes")
