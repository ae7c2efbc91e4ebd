"""From chunks to what can be written: hashed, looked up, and compressed where they are new. Runs in threads."""

from __future__ import annotations

from collections.abc import Sequence

from store.engine.batches import Segment
from store.engine.env import Environment
from store.engine.txn import OBJECTS
from store.format import segment
from store.ids import ObjectId

LARGE = 16 << 10
"""Objects of at least so many bytes do not share the segments of small ones."""
BESIDE = 8 << 10
"""Nor do those of so many bytes that come after such a one: chunks of one file, most likely."""
RUN = 96 << 10
"""Bytes of neighbouring large objects in one segment: what a random read unpacks at most, but for larger chunks."""
LEVEL_LARGE, LEVEL_SHARED = 1, 3
"""zstd levels: chunks of large files for speed, small objects (which compress together) for size."""

Plain = bytes | memoryview


class Packed:
    """What became of one object."""

    __slots__ = ("name", "plain", "segment", "size")

    def __init__(
        self, name: ObjectId, size: int, plain: bytes | None = None, segment: Segment | None = None
    ) -> None:
        self.name = name
        """The object's id."""
        self.size = size
        self.plain = plain
        """Its bytes, if it is new and small: it goes into a shared segment."""
        self.segment = segment
        """The segment that holds it and those after it that are new, if it is the first of them."""


def pack(env: Environment, objects: Sequence[Plain]) -> list[Packed]:
    """Each of the `objects`, in order; views into buffers may be used again on return."""
    names = ObjectId.of_each(objects)
    with env.read() as reading:
        known = reading.present(OBJECTS, names)
    env.residence.let_go_if_large()  # looking up touches pages all over the file
    packed = []
    run: list[tuple[ObjectId, Plain]] = []
    first: Packed | None = None
    room = 0
    for name, plain in zip(names, objects, strict=True):
        size = len(plain)
        if size < (BESIDE if run else LARGE) and name not in known:
            packed.append(Packed(name, size, bytes(plain)))
            continue
        item = Packed(name, size)
        packed.append(item)
        if name in known:
            continue
        known.add(name)  # a file may repeat itself: once is enough
        if size > room:
            _end_run(first, run)
            first, run, room = item, [], RUN
        run.append((name, plain))
        room -= size
    _end_run(first, run)
    return packed


def _end_run(first: Packed | None, run: Sequence[tuple[ObjectId, Plain]]) -> None:
    if first is not None:
        rows = [(name, len(plain)) for name, plain in run]
        first.segment = Segment(rows, segment.encode(run, LEVEL_LARGE))
