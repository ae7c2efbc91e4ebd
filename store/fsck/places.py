"""Mending the places of objects: each must lead to the object's bytes.

The rows of the segments say what lies where, so a place that is missing or wrong is found again there. An object that
two processes wrote at once lies in two segments, and one that was moved may still lie where it was: when one copy is
damaged, the other takes its place. What comes before the damage in a compressed segment is rescued to a new one.

Of what has no good copy the place is removed. Nothing is lost by that, since the bytes are gone already; but a place
that leads nowhere makes every later edit believe that the object is there, while without it putting the same file again
brings the object back. A segment's rows are made to say what it holds; it is removed when nothing in it can be read, or
everything was rescued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from store.engine import Reading
from store.engine.marks import Marks
from store.engine.txn import OBJECTS, SEGMENTS
from store.engine.writer import LEVEL_SHARED
from store.errors import Corrupt
from store.format import commit as commits
from store.format import segment, tables
from store.format.segment import Place
from store.format.tables import PINS
from store.fsck.checks import DAMAGE
from store.fsck.mend import Mend, seen
from store.fsck.records import Progress
from store.ids import ObjectId
from store.reach import Role, visit
from store.records import Entry

GOOD = 64
"""The bit of an object whose place leads to its bytes."""


def mend_places(reading: Reading, progress: Progress, touched: Callable[[], None]) -> Iterator[Mend]:
    """The mends of `objects` and `segments`. Reads every byte of every segment, and the nodes of all trees.

    Memory: 33 bytes an object, and some 200 for each copy that is not at its place.
    """
    places = _Places(reading)
    places.read_segments(progress, touched)
    places.read_trees(progress)
    yield from places.mends()


class _Places:
    """One run."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._marks = Marks(reading)
        self._spares: dict[bytes, Place] = {}
        """Good copies that are not at the object's place."""
        self._partly: dict[bytes, Place] = {}
        """Good copies in segments that cannot be unpacked to their end."""
        self._broken: list[int] = []
        """Those segments, and those that are none at all."""
        self._untrue: dict[int, None] = {}
        """Segments with rows that are wrong, or cannot be read: only the places say what lies where."""
        self._wanted: dict[bytes, None] = {}
        """Objects that something refers to and that the table `objects` does not have, as they were met."""

    def read_segments(self, progress: Progress, touched: Callable[[], None]) -> None:
        """Find out which places are good, and what else lies in the segments."""
        total = self._reading.count(SEGMENTS)
        for done, (key, record) in enumerate(self._reading.iter_raw(SEGMENTS)):
            touched()
            self._read_segment(int.from_bytes(key, "big"), record)
            if done % 100 == 0:
                progress("segments", done, total)
        if self._untrue:
            self._read_places()

    def _read_segment(self, number: int, record: memoryview) -> None:
        payload: bytes | memoryview = b""
        copies = self._spares
        try:
            payload = segment.decode(record)
        except DAMAGE:
            self._broken.append(number)
            copies = self._partly
        if not _has_rows(record):
            self._untrue[number] = None
        for name, place in _rows(number, record):
            plain = _cut(payload or _beginning(record), place)
            if ObjectId.of(plain) != name:
                self._untrue[number] = None
                continue
            value = self._reading.get_raw(OBJECTS, name)
            if copies is self._spares and value is not None and bytes(value) == segment.encode_place(place):
                self._marks.add(name, GOOD)
            else:
                copies[bytes(name)] = place

    def _read_places(self) -> None:
        """Look up what lies in segments with rows that are wrong: reading an object does not need them."""
        broken = set(self._broken)
        for name, value in self._reading.iter_raw(OBJECTS):
            place = segment.decode_place(value) if len(value) == segment.PLACE.size else None
            if place is None or place.segment not in self._untrue:
                continue
            if ObjectId.of(self._cut_out(place)) != name:
                continue
            if place.segment in broken:
                self._partly[name] = place
            else:
                self._marks.add(name, GOOD)

    def _cut_out(self, place: Place) -> bytes:
        """The bytes at a place, unchecked; none when they cannot be unpacked."""
        record = self._record(place.segment)
        if record is None:
            return b""
        try:
            return _cut(segment.decode(record), place)
        except DAMAGE:
            return _cut(_beginning(record), place)

    def read_trees(self, progress: Progress) -> None:
        """Find out what is missing: go down all trees as far as there are good copies of what leads down."""
        met = 0

        def enter(name: ObjectId, role: Role) -> bool:
            nonlocal met
            new = self._marks.add(name, role)
            if new is None:
                new = bytes(name) not in self._wanted
                self._wanted[bytes(name)] = None
            met += 1
            if met % 1000 == 0:
                progress("references", met, 0)
            return bool(new) and self._find(name) is not None

        for tree in _trees(self._reading):
            try:
                visit(tree, self._load, enter)
            except DAMAGE:
                continue  # bytes that are what their id says and no node: the check names it

    def _find(self, name: bytes) -> Place | None:
        """Where good bytes of the object lie."""
        if self._marks.get(name) & GOOD:
            return segment.decode_place(self._reading.get_raw(OBJECTS, name) or b"")
        return self._spares.get(name) or self._partly.get(name)

    def _load(self, name: ObjectId) -> bytes:
        place = self._find(name)
        if place is None:
            raise Corrupt(f"object {name}", "it is missing")
        return self._cut_out(place)

    def mends(self) -> Iterator[Mend]:
        """What is to be done, in an order in which each makes sense after those before."""
        rescued: list[bytes] = []
        for name in (*self._marks.iter_without(GOOD), *self._wanted):
            value = self._reading.get_raw(OBJECTS, name)
            if (place := self._spares.get(name)) is not None:
                what = f"object {name.hex()}: it is in segment {place.segment} too, give it its place there"
                yield Mend(OBJECTS, name, seen(value), segment.encode_place(place), what, place)
            elif name in self._partly:
                rescued.append(name)
            elif value is not None:
                what = (
                    f"object {name.hex()}: no copy can be read; forget its place, so that it can be put again"
                )
                yield Mend(OBJECTS, name, seen(value), None, what)
        yield from self._rescue(rescued)
        yield from self._relabel()
        kept = {self._partly[name].segment for name in rescued}
        last = next(iter(self._reading.iter_raw(SEGMENTS, reverse=True)), (b"", b""))[0]
        for number in self._broken:
            key = number.to_bytes(8, "big")
            if number in kept:
                continue  # the next repair removes it, when what was in it has its place elsewhere
            # The last one is emptied: the next is numbered after it, and a number must not come back.
            after = segment.encode([], LEVEL_SHARED) if key == last else None
            what = f"segment {number}: nothing more in it can be read; {'empty' if after else 'remove'} it"
            yield Mend(SEGMENTS, key, seen(self._record(number)), after, what)

    def _relabel(self) -> Iterator[Mend]:
        """Rows that say what a segment holds. The payload and all places stay."""
        held: dict[int, list[tuple[int, int]]] = {number: [] for number in self._untrue}
        for name, value in self._reading.iter_raw(OBJECTS) if held else ():
            if self._marks.get(name) & GOOD:
                place = segment.decode_place(value)
                if place.segment in held:
                    held[place.segment].append((place.offset, place.length))
        for number in sorted(self._untrue.keys() - set(self._broken)):
            record = self._record(number)
            if record is None:
                continue
            payload = segment.decode(record)
            rows = [
                (ObjectId.of(payload[begin:end]), end - begin)
                for begin, end in _tiles(held[number], len(payload))
            ]
            what = f"segment {number}: say in its rows what it holds"
            key = number.to_bytes(8, "big")
            yield Mend(SEGMENTS, key, seen(record), segment.with_rows(record, rows), what)

    def _rescue(self, names: list[bytes]) -> Iterator[Mend]:
        if not names:
            return
        last = next(iter(self._reading.iter_raw(SEGMENTS, reverse=True)))[0]
        number = int.from_bytes(last, "big")
        for name in names:
            number += 1
            plain = self._load(ObjectId(name))
            record = segment.encode([(ObjectId(name), plain)], LEVEL_SHARED)
            old = self._partly[name].segment
            what = f"object {name.hex()}: it can be read in the damaged segment {old}; copy it to segment {number}"
            yield Mend(SEGMENTS, number.to_bytes(8, "big"), None, record, what)
            value = self._reading.get_raw(OBJECTS, name)
            place = Place(number, 0, len(plain))
            what = f"object {name.hex()}: give it its place in segment {number}"
            yield Mend(OBJECTS, name, seen(value), segment.encode_place(place), what, place)

    def _record(self, number: int) -> memoryview | None:
        return self._reading.get_raw(SEGMENTS, number.to_bytes(8, "big"))


def _tiles(pieces: list[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """Beginning and end of the pieces, and of what lies between them, so that they make up the whole."""
    at = 0
    for offset, length in sorted(pieces):
        if offset < at:
            continue
        if offset > at:
            yield at, offset
        yield offset, offset + length
        at = offset + length
    if at < size:
        yield at, size


def _has_rows(record: memoryview) -> bool:
    try:
        segment.rows(record)
    except DAMAGE:
        return False
    return True


def _rows(number: int, record: memoryview) -> Iterator[tuple[ObjectId, Place]]:
    offset = 0
    try:
        for name, length in segment.rows(record):
            yield name, Place(number, offset, length)
            offset += length
    except DAMAGE:
        return


def _beginning(record: memoryview) -> bytes:
    try:
        return segment.decode_beginning(record)
    except DAMAGE:
        return b""


def _cut(payload: bytes | memoryview, place: Place) -> bytes:
    return bytes(payload[place.offset : place.offset + place.length])


def _trees(reading: Reading) -> Iterator[Entry]:
    for table in (commits.TABLE, PINS):
        for key, _ in reading.iter_raw(table):
            try:
                body = reading.get(table, key) or b""
                if table == PINS:
                    yield tables.decode(tables.PinBody, body).tree
                else:
                    yield commits.decode(key, body).tree
            except DAMAGE:
                continue  # it cannot be mended, and the check names it
