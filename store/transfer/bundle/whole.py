"""That a tree which came from elsewhere is whole, and is a tree as this store makes them.

The check of a store knows every invariant of nodes, lists and entries (`fsck/walk.py`); here it goes through the trees
that arrive. What it has met once, in one role, it does not look at again; nor what the parent has, when that is a
commit of this store (`trust.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from store import names
from store.engine import Reading
from store.engine.marks import Marks
from store.engine.objects import read_object
from store.engine.txn import OBJECTS
from store.errors import BadBundle
from store.format import node
from store.format.node import Leaf
from store.fsck.objects import ends_at_a_boundary
from store.fsck.records import Affected, Finding
from store.fsck.walk import ENDS, Walk
from store.ids import ObjectId
from store.reach import Role
from store.records import CommitRecord
from store.transfer.bundle.trust import known_from


class _Met(Marks):
    """Marks of the objects that were met, and of no others: an import is not to cost what the store holds."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._met: dict[bytes, int] = {}
        self.known: dict[bytes, int] = {}
        """Objects that need not be looked at, each with the roles in which that is so."""
        self.ends: Callable[[ObjectId], bool] = lambda name: False
        """Whether such a node ends at a boundary."""

    def __len__(self) -> int:
        return len(self._met)

    def rank(self, name: bytes) -> int | None:
        return 0 if self._reading.get_raw(OBJECTS, name) is not None else None

    def get(self, name: bytes) -> int:
        roles = self.known.pop(name, 0)
        if roles:
            if roles & Role.NODE and self.ends(ObjectId(name)):
                roles |= ENDS
            self._met[name] = self._met.get(name, 0) | roles
        return self._met.get(name, 0)

    def add(self, name: bytes, bits: int) -> bool | None:
        before = self.get(name)
        self._met[name] = before | bits
        return before | bits != before


class Wholeness:
    """Checks trees; use it within the transaction that it was made for."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._found: list[Finding] = []
        self._met = _Met(reading)
        self._met.ends = self._ends
        self._walk = Walk(reading, self._met, self._note)
        self._heights: dict[bytes, int] = {}

    def require(self, record: CommitRecord, parent: CommitRecord | None) -> None:
        """Raise BadBundle unless everything that the commit leads to is here, and is as it should be.

        `parent`: the commit before it, if this store had that already, so that what it holds is.
        """
        if parent is not None:
            self._met.known.update(known_from(parent.tree, record.tree, self._walk.find_node))
        where = f"{record.repo}@{record.id}"
        damaged = self._walk.check(record.tree, Affected(where))
        if self._found or damaged or not record.tree.is_dir or record.tree.name:
            first = self._found[0] if self._found else Finding("", "its tree", "it is not whole")
            raise BadBundle(f"commit {where}", f"{first.record}: {first.why}")
        if self._height(record.tree.content) > names.MAX_DEPTH + 1:
            raise BadBundle(f"commit {where}", f"a path in it has more than {names.MAX_DEPTH} names")

    def _ends(self, name: ObjectId) -> bool:
        """Whether the last item of a node of this store ends it, and all below it, at a boundary."""
        found = self._walk.find_node(name)
        return found is not None and ends_at_a_boundary(found, self._ends)

    def _note(self, finding: Finding) -> None:
        if not self._found:
            self._found.append(finding)

    def _height(self, root: bytes | None) -> int:
        """How many directories are on the longest way down; ends early when it is too long."""
        if root is None:
            return 1
        todo: list[tuple[bytes, list[bytes] | None]] = [(root, None)]
        while todo:
            name, below = todo.pop()
            if name in self._heights and below is None:
                continue
            if below is None:
                below = self._directories(name)
                todo.append((name, below))
                todo += [(each, None) for each in below if each not in self._heights]
            else:
                self._heights[name] = 1 + max((self._heights[each] for each in below), default=0)
        return self._heights[root]

    def _directories(self, root: bytes) -> list[bytes]:
        """The root nodes of the directories in the directory with this root node."""
        found, todo = [], [root]
        while todo:
            items = node.decode(read_object(self._reading, ObjectId(todo.pop())))
            if isinstance(items, Leaf):
                found += [
                    entry.content for entry in items.items if entry.is_dir and entry.content is not None
                ]
            else:
                todo += [child.id for child in items.items]
        return found
