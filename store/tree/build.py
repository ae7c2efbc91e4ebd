"""From sorted items to nodes, level by level, up to one root."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from store.format import node
from store.format.node import Child, Node
from store.ids import ObjectId
from store.records import EMPTY_DIRECTORY, Entry
from store.tree.split import ends_after

Load = Callable[[ObjectId], Node]
"""Gives the node with an id."""
Save = Callable[[bytes], ObjectId]
"""Keeps a node's bytes and gives their id."""


class Root(msgspec.Struct, frozen=True):
    """A directory's tree: what its entry says about it."""

    id: ObjectId | None
    """The root node; None for an empty directory."""
    height: int
    """The root node's level."""
    names: int
    """Entries in the directory itself."""
    files: int
    size: int
    digest: bytes


EMPTY = Root(None, 0, 0, 0, 0, EMPTY_DIRECTORY)


class Splitter:
    """Takes the items of one level in order and gives the nodes they form."""

    def __init__(self, level: int, save: Save) -> None:
        self._level, self._save = level, save
        self._items: list[Entry] | list[Child] = []
        self.nodes: list[Child] = []
        """The nodes formed so far, in order."""

    def push(self, item: Entry | Child) -> None:
        """Add the next item; it may end a node."""
        items = self._items
        items.append(item)  # type: ignore[arg-type]  # one level holds one kind of item
        if ends_after(item.last if self._level else item.name, self._level, len(items)):  # type: ignore[union-attr]
            self.end()

    @property
    def aligned(self) -> bool:
        """Whether the last item ended a node, so that what follows splits as if nothing had come before."""
        return not self._items

    def end(self) -> None:
        """End the node that is being formed, if any."""
        if self._items:
            name = self._save(node.encode(self._level, self._items))
            self.nodes.append(node.summary(self._level, self._items, name))
            self._items = []


def key(item: Entry | Child) -> bytes:
    """What items are sorted by: an entry's name, a child's greatest name."""
    return item.name if isinstance(item, Entry) else item.last


def build(entries: Iterable[Entry], save: Save) -> Root:
    """The tree of `entries`, which come in the order of their names, each name once."""
    splitter = Splitter(0, save)
    for entry in entries:
        splitter.push(entry)
    splitter.end()
    return rise(splitter.nodes, 0, save)


def rise(nodes: list[Child], level: int, save: Save) -> Root:
    """The root above all the `nodes` of `level`."""
    while len(nodes) > 1:
        level += 1
        splitter = Splitter(level, save)
        for child in nodes:
            splitter.push(child)
        splitter.end()
        nodes = splitter.nodes
    if not nodes:
        return EMPTY
    (top,) = nodes
    return Root(ObjectId(top.id), level, top.names, top.files, top.size, top.digest)
