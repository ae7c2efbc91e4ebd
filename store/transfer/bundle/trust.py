"""What of a tree that arrives is known to be whole, because the tree of its parent, which is here, has it.

Both trees are gone through in step, along the directories that differ. In a directory, the nodes above the leaves are
read, which name all leaves; of the leaves only those that one side has alone. So this costs what the change costs, and
not what the tree holds.
"""

from __future__ import annotations

from collections.abc import Callable

from store.format.node import Leaf, Node
from store.ids import ObjectId
from store.reach import Role, of_entry
from store.records import Entry

Find = Callable[[ObjectId], Node | None]


def known_from(old: Entry, new: Entry, find: Find) -> dict[bytes, int]:
    """The objects of `new` that `old` has in the same roles, each with the roles' bits; not what lies below them.

    `find` gives a node, or None when it cannot be read: then nothing is known from there.
    """
    known: dict[bytes, int] = {}

    def note(name: bytes, role: Role) -> None:
        known[name] = known.get(name, 0) | role

    def note_entry(entry: Entry) -> None:
        for name, role, _ in of_entry(entry):
            note(name, role)

    note_entry(old)
    pairs = [(old, new)]
    while pairs:
        before, after = pairs.pop()
        if before.content == after.content or before.content is None or after.content is None:
            continue
        inner, leaves = _nodes(before, find)
        for each in inner | leaves:
            note(each, Role.NODE)
        _, wanted = _nodes(after, find)
        directories: dict[bytes, Entry] = {}
        for entry in _entries(leaves - wanted, find):
            note_entry(entry)
            if entry.is_dir:
                directories[entry.name] = entry
        for entry in _entries(wanted - leaves, find):
            if entry.is_dir and (same := directories.get(entry.name)) is not None:
                pairs.append((same, entry))
    return known


def _nodes(directory: Entry, find: Find) -> tuple[set[bytes], set[bytes]]:
    """The nodes of one directory: those above the leaves, and the leaves, which are not read when others name them."""
    assert directory.content is not None, "asked of directories that have one"
    inner: set[bytes] = set()
    leaves: set[bytes] = set()
    if directory.height == 0:
        return inner, {directory.content}
    todo = [directory.content]
    while todo:
        name = todo.pop()
        found = find(ObjectId(name))
        if found is None or isinstance(found, Leaf):
            continue
        inner.add(name)
        (leaves.update if found.level == 1 else todo.extend)(child.id for child in found.items)
    return inner, leaves


def _entries(leaves: set[bytes], find: Find) -> list[Entry]:
    found = [find(ObjectId(name)) for name in leaves]
    return [entry for leaf in found if isinstance(leaf, Leaf) for entry in leaf.items]
