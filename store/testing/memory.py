"""Directory nodes in a dictionary, as strict as the engine: what was saved cannot be loaded before it is settled."""

from __future__ import annotations

from store.format import node
from store.format.node import Node
from store.ids import ObjectId


class MemoryNodes:
    """A `load` and a `save` for `store.tree`, and a count of what they did."""

    def __init__(self) -> None:
        self._settled: dict[ObjectId, bytes] = {}
        self._pending: dict[ObjectId, bytes] = {}
        self.loads = 0
        """Calls of `load`."""

    def save(self, plain: bytes) -> ObjectId:
        """Keep a node; it becomes readable with `settle`."""
        name = ObjectId.of(plain)
        self._pending[name] = plain
        return name

    def load(self, name: ObjectId) -> Node:
        """A settled node; KeyError otherwise, which no code under test may cause."""
        self.loads += 1
        return node.decode(self._settled[name])

    def settle(self) -> int:
        """Make everything saved readable; how many nodes there were that had not been there before."""
        fresh = len(self._pending.keys() - self._settled.keys())
        self._settled.update(self._pending)
        self._pending.clear()
        return fresh

    def nodes(self, root: ObjectId | None) -> list[Node]:
        """All nodes below `root`, itself included, the root first."""
        found: list[Node] = []
        todo = [] if root is None else [root]
        while todo:
            here = node.decode(self._settled[todo.pop()])
            found.append(here)
            if isinstance(here, node.Inner):
                todo.extend(ObjectId(child.id) for child in here.items)
        return found
