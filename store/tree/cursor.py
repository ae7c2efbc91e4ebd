"""Finding one name, and listing from a name on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter

from store.format.node import Child, Leaf
from store.ids import ObjectId
from store.records import Entry
from store.tree.build import Load

_by_name, _by_last = attrgetter("name"), attrgetter("last")


def lookup(load: Load, root: ObjectId | None, name: bytes) -> Entry | None:
    """The entry called `name`, or None: one node of each level."""
    while root is not None:
        node = load(root)
        if isinstance(node, Leaf):
            at = bisect_left(node.items, name, key=_by_name)
            return node.items[at] if at < len(node.items) and node.items[at].name == name else None
        at = bisect_left(node.items, name, key=_by_last)
        root = ObjectId(node.items[at].id) if at < len(node.items) else None
    return None


def iter_entries(load: Load, root: ObjectId | None, after: bytes | None = None) -> Iterator[Entry]:
    """The entries in the order of their names, those greater than `after`; one leaf in memory at a time."""
    if root is None:
        return
    node = load(root)
    if isinstance(node, Leaf):
        start = 0 if after is None else bisect_left(node.items, after + b"\0", key=_by_name)
        yield from node.items[start:]
        return
    start = 0 if after is None else bisect_left(node.items, after + b"\0", key=_by_last)
    for index in range(start, len(node.items)):
        yield from iter_entries(load, ObjectId(node.items[index].id), after if index == start else None)


def iter_nodes(
    load: Load, root: ObjectId, height: int, level: int, start: bytes
) -> Iterator[tuple[ObjectId, bool]]:
    """The nodes of `level` below `root` (of level `height`), from the one where `start` belongs on.

    Each with whether it is the last of its level. A name beyond the greatest belongs to the last node.
    """
    if height == level:
        yield root, True
        return
    node = load(root)
    children: list[Child] = [] if isinstance(node, Leaf) else node.items
    first = min(bisect_left(children, start, key=_by_last), len(children) - 1)
    for index in range(first, len(children)):
        final = index == len(children) - 1
        below = start if index == first else b""
        for name, last in iter_nodes(load, ObjectId(children[index].id), height - 1, level, below):
            yield name, last and final
