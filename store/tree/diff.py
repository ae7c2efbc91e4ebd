"""What differs between two directories: two cursors walk in step and skip what is equal by identity."""

from __future__ import annotations

from collections.abc import Iterator

from store.format.node import Leaf, Node
from store.ids import ObjectId
from store.records import Entry
from store.tree.build import Load


class _Cursor:
    """A place in a directory, as the stack of nodes that lead to it."""

    def __init__(self, load: Load, root: ObjectId | None) -> None:
        self._load = load
        self._stack: list[tuple[ObjectId, Node, int]] = []
        if root is not None:
            self._descend(root)

    def _descend(self, name: ObjectId) -> None:
        while True:
            node = self._load(name)
            self._stack.append((name, node, 0))
            if isinstance(node, Leaf):
                return
            name = ObjectId(node.items[0].id)

    @property
    def entry(self) -> Entry | None:
        """The entry here; None beyond the last."""
        if not self._stack:
            return None
        _, node, at = self._stack[-1]
        return node.items[at] if isinstance(node, Leaf) else None

    def starting(self) -> list[ObjectId]:
        """The nodes whose first entry is here, the largest first."""
        names: list[ObjectId] = []
        for name, _, at in reversed(self._stack):
            if at:
                break
            names.append(name)
        return names[::-1]

    def skip(self, name: ObjectId) -> None:
        """Go beyond the node `name`, one of `starting()`."""
        while self._stack.pop()[0] != name:
            pass
        self._next_sibling()

    def step(self) -> None:
        """Go to the next entry."""
        name, node, at = self._stack.pop()
        if at + 1 < len(node.items):
            self._stack.append((name, node, at + 1))
        else:
            self._next_sibling()

    def _next_sibling(self) -> None:
        while self._stack:
            name, node, at = self._stack.pop()
            if isinstance(node, Leaf) or at + 1 >= len(node.items):
                continue
            self._stack.append((name, node, at + 1))
            self._descend(ObjectId(node.items[at + 1].id))
            return


def diff_names(
    load: Load, old: ObjectId | None, new: ObjectId | None
) -> Iterator[tuple[Entry | None, Entry | None]]:
    """The pairs of entries that differ, in the order of their names; None where one side has no such name."""
    left, right = _Cursor(load, old), _Cursor(load, new)
    while left.entry is not None or right.entry is not None:
        common = set(right.starting())
        if same := next((name for name in left.starting() if name in common), None):
            left.skip(same)
            right.skip(same)
            continue
        a, b = left.entry, right.entry
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
