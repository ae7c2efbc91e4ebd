"""Everything that an entry leads to, object by object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum

from store.format import chunklist, node
from store.ids import ObjectId
from store.records import Entry


class Role(IntEnum):
    """As what an object is referred to, each a bit of its own.

    The same bytes can be a node here and somebody's file there, so an object that was met as a chunk has not been met
    as a node.
    """

    CHUNK = 1
    NODE = 2
    LIST = 4


Reference = tuple[ObjectId, Role, int]
"""An object, its role, and for a list its level."""


def of_entry(entry: Entry) -> Iterator[Reference]:
    """The object that the entry itself names, if any."""
    if entry.content is not None and entry.is_dir:
        yield ObjectId(entry.content), Role.NODE, 0
    elif entry.content is not None and entry.is_file:
        yield _piece(entry.content, entry.height)


def below(plain: bytes, role: Role, level: int) -> Iterator[Reference]:
    """What a node or list with these bytes refers to. Raises Corrupt."""
    if role is Role.LIST:
        for piece in chunklist.decode(plain).items:
            yield _piece(piece.id, level - 1)
        return
    found = node.decode(plain)
    for item in found.items:
        if isinstance(item, Entry):
            yield from of_entry(item)
        else:
            yield ObjectId(item.id), Role.NODE, 0


def visit(entry: Entry, load: Callable[[ObjectId], bytes], enter: Callable[[ObjectId, Role], bool]) -> None:
    """Call `enter` for each reference below `entry`, and go on below the nodes and lists for which it says so.

    Raises what `load` raises, and Corrupt. Memory: what a path of nodes refers to.
    """
    todo = list(of_entry(entry))
    while todo:
        name, role, level = todo.pop()
        if enter(name, role) and role is not Role.CHUNK:
            todo.extend(below(load(name), role, level))


def _piece(name: bytes, height: int) -> Reference:
    return ObjectId(name), Role.LIST if height > 0 else Role.CHUNK, height
