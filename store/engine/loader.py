"""Reading the nodes of many trees in one transaction.

Nodes that were written together lie in one segment, and a walk meets them one after another: without keeping what was
unpacked, each of them would unpack up to 256 KiB anew.
"""

from __future__ import annotations

from store.engine.objects import SegmentCache, read_object, unpack
from store.engine.txn import Reading
from store.format.segment import Place
from store.ids import ObjectId


class Loader:
    """Gives objects by id, as `reading` sees them. Memory: 16 MiB."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._cache = SegmentCache()

    def __call__(self, name: ObjectId) -> bytes:
        """The object's bytes. Raises Corrupt when it is missing or is not what its id says."""
        return read_object(self._reading, name, self._unpack)

    def _unpack(self, reading: Reading, place: Place) -> bytes | memoryview:
        payload: bytes | memoryview | None = self._cache.get(place.segment)
        if payload is None:
            payload = unpack(reading, place)
            if len(payload) > place.length and isinstance(payload, bytes):
                self._cache.put(place.segment, payload)
        return payload
