"""What differs between two directories: two cursors walk in step and skip what is equal by identity.

A cursor stands before a node until somebody has to look inside: of two nodes that differ the higher one is opened,
so that only nodes that differ are ever read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from store.format.node import Child, Leaf, Node
from store.ids import ObjectId
from store.records import Entry
from store.tree.build import Load


class _Cursor:
    """A place in a directory: before a node that is not opened yet, or at an entry of a leaf."""

    def __init__(self, load: Load, root: ObjectId | None) -> None:
        self._load = load
        self._stack: list[tuple[ObjectId, Node, int]] = []
        """The opened nodes that lead here, each with the index of the item that does."""
        self._closed = root
        self.level = -1 if root is None else load(root).level
        """The level of the node that the cursor stands before; -1 at an entry and beyond the last."""

    @property
    def entry(self) -> Entry | None:
        """The entry here; None before a node and beyond the last."""
        if self._closed is not None or not self._stack:
            return None
        _, node, at = self._stack[-1]
        return node.items[at] if isinstance(node, Leaf) else None

    def starting(self) -> list[ObjectId]:
        """The nodes whose first entry is here, the largest first."""
        names = [] if self._closed is None else [self._closed]
        for name, _, at in reversed(self._stack):
            if at:
                break
            names.append(name)
        return names[::-1]

    def open(self) -> None:
        """Go into the node that the cursor stands before."""
        assert self._closed is not None, "there is a node to open"
        self._enter(self._closed, self._load(self._closed), 0)

    def skip(self, name: ObjectId) -> None:
        """Go beyond the node `name`, one of `starting()`."""
        inside = self._closed != name
        self._closed, self.level = None, -1
        while inside and self._stack.pop()[0] != name:
            pass
        self.step()

    def step(self) -> None:
        """Go beyond the item that the innermost opened node stands at."""
        while self._stack:
            name, node, at = self._stack.pop()
            if at + 1 < len(node.items):
                self._enter(name, node, at + 1)
                return

    def ahead(self) -> tuple[int, Iterable[Entry | Child]]:
        """The level of the node in which the cursor stands, and its items from here on; -1 and none in no node."""
        if not self._stack:
            return -1, ()
        _, node, at = self._stack[-1]
        return node.level, islice(node.items, at, None)

    def advance(self, count: int) -> None:
        """Go beyond the next `count` items of the node in which the cursor stands."""
        name, node, at = self._stack.pop()
        self._stack.append((name, node, at + count - 1))
        self._closed, self.level = None, -1
        self.step()

    def _enter(self, name: ObjectId, node: Node, at: int) -> None:
        self._stack.append((name, node, at))
        if isinstance(node, Leaf):
            self._closed, self.level = None, -1
        else:
            self._closed, self.level = ObjectId(node.items[at].id), node.level - 1


def diff_names(
    load: Load, old: ObjectId | None, new: ObjectId | None
) -> Iterator[tuple[Entry | None, Entry | None]]:
    """The pairs of entries that differ, in the order of their names; None where one side has no such name."""
    left, right = _Cursor(load, old), _Cursor(load, new)
    while True:
        if same_items := _equal_items(left, right):
            left.advance(same_items)
            right.advance(same_items)
            continue
        common = set(right.starting())
        if same := next((name for name in left.starting() if name in common), None):
            left.skip(same)
            right.skip(same)
            continue
        if (level := max(left.level, right.level)) >= 0:
            for cursor in (left, right):
                if cursor.level == level:
                    cursor.open()
            continue
        a, b = left.entry, right.entry
        if a is None and b is None:
            return
        if b is None or (a is not None and a.name < b.name):
            yield a, None
            left.step()
        elif a is None or b.name < a.name:
            yield None, b
            right.step()
        else:
            if a != b:
                yield a, b
            left.step()
            right.step()


def _equal_items(left: _Cursor, right: _Cursor) -> int:
    """How many items are the same from here on in two nodes of one level: what most of two nodes that differ is."""
    (level, ours), (other, theirs) = left.ahead(), right.ahead()
    count = 0
    if level == other:
        for mine, yours in zip(ours, theirs, strict=False):
            if mine != yours:
                break
            count += 1
    return count
