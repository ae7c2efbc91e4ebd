"""Collecting garbage: what nothing refers to any more is dropped, and its space is used again.        store/gc.md

`plan_gc` decides, from one read transaction; `sweep` acts on the plan:

    1. wait until no edit is at work, and let none begin
    2. in one transaction: look again at what was committed or pinned since the plan, then drop the objects that are
       still unreachable                                                       <- here they cease to exist
    3. let edits begin
    4. some segments at a time, each time in one transaction: delete those in which no object lies any more, and move
       what is left out of those that are mostly dead

Why that is safe beside everything else is argued on the page. A process that dies in here leaves a sound store, and
segments at most that the next plan finds.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from store import sums
from store.engine import Environment, Reading, Writing
from store.engine.loader import Loader
from store.engine.marks import Marks
from store.engine.txn import OBJECTS, SEGMENTS
from store.engine.writer import LEVEL_SHARED, SHARED
from store.errors import Corrupt
from store.format import commit as commits
from store.format import segment, tables
from store.format.segment import Place
from store.format.tables import PINS
from store.ids import ObjectId
from store.reach import Role, visit
from store.records import Entry

MOSTLY_DEAD = 0.5
"""A segment is rewritten when less than this share of its plain bytes is alive: then the rewriting writes less than it
frees."""
BATCH = 128
"""Segments to delete or rewrite in one transaction, which keeps writers waiting: 32 MiB plain at most."""
LIVE = int(Role.CHUNK | Role.NODE | Role.LIST)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class GcPlan:
    """What one sweep would do, computed from one read transaction."""

    keep: int
    """Objects that a commit or a pin leads to."""
    drop: int
    """Objects that nothing leads to."""
    empty: array[int]
    """Numbers of the segments that hold nothing else, in order."""
    sparse: array[int]
    """Numbers of the segments that are mostly dead."""
    freed: int
    """Stored bytes that the sweep is expected to free."""
    stored: int
    """Stored bytes of all segments."""
    marks: Marks
    """Which objects are kept: the bits of the roles in which they were met."""
    seen: int
    """The number of the last transaction that the plan has seen."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has done."""

    dropped: int
    """Objects."""
    deleted: int
    """Segments deleted, whether their objects were dropped or moved."""
    moved: int
    """Objects moved to new segments."""
    freed: int
    """Stored bytes given back to the database, less those written again."""


def plan_gc(env: Environment, progress: Progress = lambda objects: None) -> GcPlan:
    """What can be collected; changes nothing. `progress` is told the objects met so far.

    Raises Corrupt when a record or a node on the way to live objects cannot be read, or a table does not add up to its
    sum: what lies behind it is not known, so nothing may be dropped.
    """
    with env.read() as reading:
        sums.check(reading)  # a page of pins that went back lacks the last ones, and what only they keep
        marks = Marks(reading)
        mark(reading, marks, progress)
        empty, sparse, freed, stored = _judge(reading, marks, env.residence.touched)
        keep = marks.count(LIVE)
        return GcPlan(keep, len(marks) - keep, empty, sparse, freed, stored, marks, reading.number)


def sweep(
    env: Environment,
    plan: GcPlan,
    *,
    patience_seconds: float = 30.0,
    progress: Progress = lambda segments: None,
) -> Swept:
    """Carry out `plan`, however long ago it was made: what has become alive since is kept.

    `progress` is told the segments done so far. Raises InUse when edits are still at work after `patience_seconds`:
    then nothing has changed.
    """
    dropped = 0
    if plan.drop:
        with env.leases.alone(patience_seconds):
            dropped = env.write(partial(_drop, plan=plan, env=env))
    candidates = sorted({*plan.empty, *plan.sparse})
    deleted = moved = freed = 0
    for start in range(0, len(candidates), BATCH):
        batch = candidates[start : start + BATCH]
        one, two, three = env.write(partial(_clear, numbers=batch))
        deleted, moved, freed = deleted + one, moved + two, freed + three
        env.residence.let_go_if_large()
        progress(start + len(batch))
    return Swept(dropped, deleted, moved, freed)


# deciding


def mark(reading: Reading, marks: Marks, progress: Progress = lambda objects: None) -> None:
    """Mark what is alive, in every role: what commits (failed ones too) and pins lead to. Raises Corrupt.

    Nothing below an object that is marked as a node or list is looked at again.
    """
    met = 0
    young: set[bytes] = set()

    def enter(name: ObjectId, role: Role) -> bool:
        nonlocal met
        new = marks.add(name, role)
        if new is None:
            # Written after the marks were made, so no candidate; but it may lead to some. A chunk that is missing is
            # for the check to report: there is nothing of it to keep, and nothing behind it.
            there = bytes([role]) + name
            new = role is not Role.CHUNK and there not in young
            if new:
                young.add(there)
            return new
        met += new
        if new and met % 1000 == 0:
            progress(met)
        return new

    load = Loader(reading)
    for tree in roots(reading):
        visit(tree, load, enter)


def roots(reading: Reading) -> Iterator[Entry]:
    """The trees that are kept: of every commit, whether or not a branch leads to it, and of every pin."""
    for key, body in reading.iter(commits.TABLE):
        yield commits.decode(key, body).tree
    for _, body in reading.iter(PINS):
        yield tables.decode(tables.PinBody, body).tree


def _judge(
    reading: Reading, marks: Marks, touched: Callable[[], None]
) -> tuple[array[int], array[int], int, int]:
    """The segments that are empty and that are mostly dead once the unmarked objects are gone, the stored bytes that
    clearing them frees, and all stored bytes.
    """
    empty, sparse = array("Q"), array("Q")
    freed = stored = 0
    last = next((key for key, _ in reading.iter_raw(SEGMENTS, reverse=True)), None)
    for key, record in reading.iter_raw(SEGMENTS):
        number = int.from_bytes(key, "big")
        stored += len(record)
        touched()
        if key == last:
            continue  # it stays: see `_clear`
        try:
            rows = list(_living(reading, number, record))
        except Corrupt:
            continue  # no business of ours: the check reports it
        alive = sum(length for name, _, length in rows if marks.get(name) & LIVE)
        plain = segment.plain_size(record)
        if not any(marks.get(name) & LIVE for name, _, _ in rows):
            empty.append(number)
            freed += len(record)
        elif alive < MOSTLY_DEAD * plain:
            sparse.append(number)
            freed += len(record) - len(record) * alive // plain
    return empty, sparse, freed, stored


def _living(reading: Reading, number: int, record: memoryview) -> Iterator[tuple[ObjectId, int, int]]:
    """The objects that have their place in the segment: id, offset, length. Raises Corrupt."""
    offset = 0
    for name, length in segment.rows(record):
        value = reading.get_raw(OBJECTS, name)
        if value is not None and segment.decode_place(value) == Place(number, offset, length):
            yield name, offset, length
        offset += length


# acting


def _drop(writing: Writing, *, plan: GcPlan, env: Environment) -> int:
    """Step 2; how many objects were dropped."""
    if writing.number != plan.seen + 1:
        mark(writing, plan.marks)
    dropped = 0
    for name in plan.marks.iter_without(LIVE):
        dropped += writing.delete(OBJECTS, name)
    if dropped:
        env.leases.count_sweep()
    return dropped


def _clear(writing: Writing, *, numbers: Iterable[int]) -> tuple[int, int, int]:
    """Step 4 for some segments: how many were deleted, how many objects moved, how many bytes that gave.

    What lies in them is looked up anew, so it makes no difference what happened since the plan. The last segment stays:
    the next one is numbered after it, and a number that came back would mean other bytes to whoever has it in a cache.
    """
    last = writing.last_key(SEGMENTS)
    deleted = freed = 0
    moving: list[tuple[ObjectId, bytes]] = []
    for number in numbers:
        key = number.to_bytes(8, "big")
        record = writing.get_raw(SEGMENTS, key)
        if record is None or key == last:
            continue
        try:
            objects = list(_taken_out(writing, number, record))
        except Corrupt:
            continue  # what is damaged stays as it is
        size, plain = len(record), segment.plain_size(record)
        if objects and sum(len(each) for _, each in objects) >= MOSTLY_DEAD * plain:
            continue
        moving += objects
        writing.delete(SEGMENTS, key)
        deleted, freed = deleted + 1, freed + size
    return deleted, len(moving), freed - _put(writing, moving)


def _taken_out(writing: Writing, number: int, record: memoryview) -> Iterator[tuple[ObjectId, bytes]]:
    """The objects that have their place in the segment, each checked. Raises Corrupt."""
    rows = list(_living(writing, number, record))
    payload = segment.decode(record) if rows else b""
    for name, offset, length in rows:
        plain = bytes(payload[offset : offset + length])
        if ObjectId.of(plain) != name:
            raise Corrupt(f"object {name}", f"segment {number} holds other bytes")
        yield name, plain


def _put(writing: Writing, objects: list[tuple[ObjectId, bytes]]) -> int:
    """Give the objects new places in new segments; the stored bytes that takes."""
    stored = 0
    while objects:
        taken, size = 0, 0
        while taken < len(objects) and size < SHARED:
            size += len(objects[taken][1])
            taken += 1
        part, objects = objects[:taken], objects[taken:]
        record = segment.encode(part, LEVEL_SHARED)
        last = writing.last_key(SEGMENTS)
        number = 1 + (0 if last is None else int.from_bytes(last, "big"))
        writing.put_raw(SEGMENTS, number.to_bytes(8, "big"), record, append=True)
        offset = 0
        for name, plain in part:
            writing.put_raw(OBJECTS, name, segment.encode_place(Place(number, offset, len(plain))))
            offset += len(plain)
        stored += len(record)
    return stored
