"""Objects: reading them out of segments. Each is checked against its id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from store import locks
from store.engine.env import OBJECTS, SEGMENTS, Environment, Reading
from store.errors import Corrupt
from store.format import segment
from store.format.segment import Place
from store.ids import ObjectId


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


class ObjectReader:
    """Gives objects by id, each checked against its id."""

    def __init__(self, env: Environment, cache: SegmentCache | None = None) -> None:
        self._env = env
        self._cache = SegmentCache() if cache is None else cache

    def get(self, name: ObjectId) -> bytes:
        """The object's bytes. Raises Corrupt when it is missing or is not what its id says."""
        with self._env.read() as reading:
            return self._get(reading, name)

    def get_many(self, wanted: Iterable[ObjectId]) -> Iterator[bytes]:
        """The same for several, in one transaction, which lasts until the iterator ends."""
        with self._env.read() as reading:
            for name in wanted:
                yield self._get(reading, name)

    def _get(self, reading: Reading, name: ObjectId) -> bytes:
        return read_object(reading, name, self._unpack)

    def _unpack(self, reading: Reading, place: Place) -> bytes | memoryview:
        payload: bytes | memoryview | None = self._cache.get(place.segment)
        if payload is None:
            payload = unpack(reading, place)
            self._env.residence.touched()
            if len(payload) > place.length and isinstance(payload, bytes):
                self._cache.put(place.segment, payload)
        return payload


def unpack(reading: Reading, place: Place) -> bytes | memoryview:
    """The payload of the segment of `place`; a view is valid as long as `reading` lasts. Raises Corrupt."""
    record = reading.get_raw(SEGMENTS, place.segment.to_bytes(8, "big"))
    if record is None:
        raise Corrupt(f"segment {place.segment}", "it is missing")
    return segment.decode(record)


def read_object(
    reading: Reading,
    name: ObjectId,
    unpack: Callable[[Reading, Place], bytes | memoryview] = unpack,
) -> bytes:
    """The object's bytes. Raises Corrupt when it is missing or is not what its id says."""
    value = reading.get_raw(OBJECTS, name)
    if value is None:
        raise Corrupt(f"object {name}", "it is missing")
    try:
        place = segment.decode_place(value)
        payload = unpack(reading, place)
    except Corrupt as error:
        raise Corrupt(f"object {name}", f"{error.record}: {error.why}") from None
    plain = bytes(payload[place.offset : place.offset + place.length])
    if ObjectId.of(plain) != name:
        raise Corrupt(f"object {name}", f"segment {place.segment} holds other bytes")
    return plain
