"""From chunks to what can be written: hashed, looked up, and compressed where they are new. Runs in threads."""

from __future__ import annotations

from collections.abc import Sequence

from store.engine.env import Environment
from store.engine.txn import OBJECTS
from store.format import segment
from store.ids import ObjectId

ALONE = 16 << 10
"""Objects of at least so many bytes get a segment of their own."""
LEVEL_ALONE, LEVEL_SHARED = 1, 3
"""zstd levels: chunks of large files for speed, small objects (which compress together) for size."""

Plain = bytes | memoryview


class Packed:
    """What became of one object."""

    __slots__ = ("name", "plain", "record", "size")

    def __init__(
        self, name: ObjectId, size: int, plain: bytes | None = None, record: bytes | None = None
    ) -> None:
        self.name = name
        """The object's id."""
        self.size = size
        self.plain = plain
        """Its bytes, if it is new and small: it goes into a shared segment."""
        self.record = record
        """The segment that holds nothing else, if it is new and large."""


def pack(env: Environment, objects: Sequence[Plain]) -> list[Packed]:
    """Each of the `objects`, in order; views into buffers may be used again on return."""
    names = [ObjectId.of(plain) for plain in objects]
    with env.read() as reading:
        known = reading.present(OBJECTS, names)
    env.residence.let_go_if_large()  # looking up touches pages all over the file
    packed = []
    for name, plain in zip(names, objects, strict=True):
        size = len(plain)
        if name in known:
            packed.append(Packed(name, size))
        elif size < ALONE:
            packed.append(Packed(name, size, plain=bytes(plain)))
        else:
            known.add(name)  # a file may repeat itself: once is enough
            packed.append(Packed(name, size, record=segment.encode([(name, plain)], LEVEL_ALONE)))
    return packed
