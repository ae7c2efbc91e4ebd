"""Counting what is read, so that a test can say that something grows with the logarithm and not with the size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from store.engine import Reading
from store.ids import ObjectId
from store.store import Store


@dataclass(slots=True)
class Counted:
    """What was read since counting began."""

    count: int = 0
    objects: list[ObjectId] = field(default_factory=list)


@contextmanager
def counted_records(opened: Store) -> Iterator[Counted]:
    """Counts the records that are looked up by key, in whatever table."""
    found = Counted()
    read = opened._env.read

    class Counting(Reading):
        def get_raw(self, table: bytes, key: bytes) -> memoryview | None:
            found.count += 1
            return super().get_raw(table, key)

    @contextmanager
    def counting() -> Iterator[Reading]:
        with read() as reading:
            yield Counting(reading._txn, reading._handles)

    opened._env.read = counting  # type: ignore[method-assign]  # of this one object, for a moment
    try:
        yield found
    finally:
        opened._env.read = read  # type: ignore[method-assign]  # as it was


@contextmanager
def counted_nodes(opened: Store) -> Iterator[Counted]:
    """Counts the directory nodes that are asked for, whether they are at hand already or not."""
    found = Counted()
    nodes = opened._trees._nodes
    get = nodes.get

    def counting(name: ObjectId):  # type: ignore[no-untyped-def]  # a node, as `get` gives it
        found.count += 1
        found.objects.append(name)
        return get(name)

    nodes.get = counting  # type: ignore[method-assign]  # of this one object, for a moment
    try:
        yield found
    finally:
        nodes.get = get  # type: ignore[method-assign]  # as it was
