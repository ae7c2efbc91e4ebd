"""That a tree is whole before something refers to it.

An entry leads to the same bytes for ever, as long as something keeps them. Someone may hold the entry of a repo that
was deleted and collected meanwhile, and graft or pin it. That can only be when a sweep has dropped objects since this
process opened the store, so in all other cases nothing is looked at. When it can be, the whole tree is looked up, once
for each object and sweep, in the transaction that refers to it: no sweep can come between.
"""

from __future__ import annotations

from store.engine.objects import read_object
from store.engine.txn import OBJECTS, Writing
from store.errors import Conflict
from store.ids import ObjectId
from store.reach import Role, visit
from store.records import Entry


def require(writing: Writing, tree: Entry) -> None:
    """Raise Conflict unless everything that `tree` leads to is in the store."""
    seen = writing.seen
    if seen is None:
        return

    def enter(name: ObjectId, role: Role) -> bool:
        mark = bytes([role]) + name
        if not seen.add(mark):
            return False
        if writing.get_raw(OBJECTS, name) is None:
            raise Conflict(
                "what this refers to was deleted and collected meanwhile; look again at what there is"
            )
        return True

    visit(tree, lambda name: read_object(writing, name), enter)
