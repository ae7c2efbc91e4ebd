"""Changing some entries of a directory: the nodes around them are formed anew, all others are kept.

The idea, for one level: take the node where the first change belongs, merge its items with the changes, and push the
result through a splitter. When the node's end is also an end of the new nodes, everything after it would split exactly
as before and is kept as it is; otherwise the next node is taken in too. What a level did is then itself a list of
changes for the level above: these children are gone, these have come. Above the old root, new levels are built.

    level 1    [ . . . c3 . . . ]        changes: c3 gone, c3' come
                        |
    level 0    [a b c] [d e f] [g h i]   change: e

Invariant (property-tested): the result is the tree that `build` makes of the same entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import merge

from store.format.node import Child, Inner, Node, decode, summary
from store.ids import ObjectId
from store.records import Entry
from store.tree.build import EMPTY, Load, Root, Save, Splitter, key, rise
from store.tree.cursor import iter_nodes

Item = Entry | Child
Changes = list[tuple[bytes, Item | None]]
"""Sorted by key; None removes."""


def edit(
    root: ObjectId | None, height: int, changes: Mapping[bytes, Entry | None], load: Load, save: Save
) -> Root:
    """The tree after setting (an entry) or removing (None) each name of `changes`; absent names may be removed.

    Raises what `load` and `save` raise; the old tree is untouched in any case.
    """
    todo: Changes = sorted(changes.items(), key=lambda change: change[0])
    if root is None:
        return _grow([item for _, item in todo if item is not None], save)
    fresh: dict[ObjectId, bytes] = {}

    def save_inner(plain: bytes) -> ObjectId:
        name = save(plain)
        fresh[name] = plain
        return name

    def load_inner(name: ObjectId) -> Node:
        """What was saved a moment ago need not be readable yet."""
        return decode(fresh[name]) if name in fresh else load(name)

    for level in range(height):
        todo = _edit_level(root, height, level, todo, load, save_inner if level else save)
    if not todo:
        node = load(root)
        return rise([summary(node.level, node.items, root)], height, save)
    nodes = [
        item
        for _, item in _edit_level(
            root, height, height, todo, load, save_inner if height else save, keep=True
        )
    ]
    return _settle([child for child in nodes if isinstance(child, Child)], height, load_inner, save)


def _edit_level(
    root: ObjectId, height: int, level: int, changes: Changes, load: Load, save: Save, *, keep: bool = False
) -> Changes:
    """Apply `changes` to one level; what that changes in the level above. `keep`: report unchanged nodes too."""
    above: dict[bytes, Item | None] = {}
    at = 0
    while at < len(changes):
        splitter = Splitter(level, save)
        gone: dict[bytes, bytes] = {}
        for name, final in iter_nodes(load, root, height, level, changes[at][0]):
            items: Iterable[Item] = load(name).items
            last = key(load(name).items[-1])
            gone[last] = bytes(name)
            end = at
            while end < len(changes) and (final or changes[end][0] <= last):
                end += 1
            for item in _merged(items, changes[at:end]):
                splitter.push(item)
            at = end
            if splitter.aligned:
                break
        splitter.end()
        above.update(dict.fromkeys(gone))
        for child in splitter.nodes:
            if keep or gone.get(child.last) != child.id:
                above[child.last] = child
            else:
                del above[child.last]
    return sorted(above.items(), key=lambda change: change[0])


def _merged(items: Iterable[Item], changes: Changes) -> list[Item]:
    """`items` with `changes` carried out, in order."""
    if not changes:
        return list(items)
    changed = dict(changes)
    kept = (item for item in items if key(item) not in changed)
    come = (item for _, item in changes if item is not None)
    return list(merge(kept, come, key=key))


def _grow(items: list[Item], save: Save) -> Root:
    splitter = Splitter(0, save)
    for item in items:
        splitter.push(item)
    splitter.end()
    return rise(splitter.nodes, 0, save)


def _settle(nodes: list[Child], level: int, load: Load, save: Save) -> Root:
    """The root over `nodes`; a root that would hold a single child gives way to that child."""
    if not nodes:
        return EMPTY
    if len(nodes) > 1:
        return rise(nodes, level, save)
    root = rise(nodes, level, save)
    while root.id is not None and root.height > 0:
        node = load(root.id)
        if not isinstance(node, Inner) or len(node.items) > 1:
            break
        root = rise([node.items[0]], root.height - 1, save)
    return root
