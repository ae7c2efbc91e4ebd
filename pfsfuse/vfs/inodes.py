"""The inode table: which numbers the kernel holds, and what they stand for.

The kernel counts: each lookup answered and each name taken by readdirplus is one, `forget` takes some back, and
at zero the number is free. A node is in the table exactly while its count is above zero (the root always is).

A number is the key's first 63 bits. Should two keys that are known at once ask for the same number, the second
takes the next free one, and `_displaced` remembers that until it is forgotten, so that a key never has two
numbers and a number never two meanings.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Iterator

from pfsfuse.vfs.nodes import Directory, Known, Node

SPARSE = 8
"""A table is made anew when it holds so many times less than it did."""
MANY = 100_000
"""Nodes that are worth more trouble when they are gone."""

FRESH = 1024
"""Nodes that are kept as they were found: what is looked up is opened and read soon, if ever."""

ROOT = 1
"""The number of a mount's root, given by the protocol."""


class Inodes:
    """Numbers to nodes. `bits` is the width of a number: tests make it narrow to see collisions."""

    def __init__(self, root: Directory, *, bits: int = 63) -> None:
        self._mask = (1 << bits) - 1
        self._nodes: dict[int, Node] = {ROOT: root}
        self._displaced: dict[bytes, int] = {}
        self._fresh: deque[Node] = deque()
        """The nodes entered last, which are not packed yet."""
        self._most = 0
        """How many nodes there were since the table was made compact."""
        root.ino = ROOT
        self.root = root

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, ino: int) -> Node:
        """The node with this number. ESTALE when the kernel was never given it or gave it back."""
        try:
            return self._nodes[ino]
        except KeyError:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE)) from None

    def number(self, candidate: Node) -> Node:
        """The node known under the candidate's key, or the candidate with a number of its own.

        Nothing is entered in the table: `count` does, once the kernel has taken it.
        """
        ino = self._displaced.get(candidate.key) if self._displaced else None
        if ino is None:
            ino = int.from_bytes(candidate.key[:8], "big") & self._mask
        while True:
            known = self._nodes.get(ino)
            if ino > ROOT:
                if known is None:
                    candidate.ino = ino
                    return candidate
                if known.key == candidate.key:
                    return known
            ino = (ino + 1) & self._mask

    def count(self, node: Node, directory: Directory, name: bytes) -> None:
        """The kernel takes one reference to `node`, found as `name` in `directory`.

        `node` was numbered just now, with nothing else entered since.
        """
        if node.lookups == 0:
            self._nodes[node.ino] = node
            self._fresh.append(node)
            if len(self._fresh) > FRESH:
                self._fresh.popleft().settle()
            self._note_displaced(node)
        node.lookups += 1
        if isinstance(directory, Known) and directory.known.get(name) is not node:
            directory.known[name] = node
            node.places += (directory, name)

    def shrink(self) -> bool:
        """Make the table compact, if it holds far less than it did; whether it was worth while."""
        if len(self._nodes) * SPARSE > self._most:
            return False
        worth = self._most > MANY
        self._nodes = dict(self._nodes)  # a dict does not shrink by itself
        self._fresh.clear()
        self._most = len(self._nodes)
        return worth

    def replace(self, old: Node, new: Node) -> None:
        """`new` takes the place of `old`: its number, what the kernel holds of it, and its names."""
        new.ino, new.lookups, new.places = old.ino, old.lookups, old.places
        self._nodes[old.ino] = new
        self._displaced.pop(old.key, None)
        self._note_displaced(new)
        for directory, name in _places(old):
            if directory.known.get(name) is old:
                directory.known[name] = new

    def rekey(self, node: Node, key: bytes) -> None:
        """`node` is what `key` means from now on, under the number that it has."""
        self._displaced.pop(node.key, None)
        node.set_key(key)
        self._note_displaced(node)

    def moved(self, node: Node, directory: Known, name: bytes) -> None:
        """The kernel knows `node` as `name` in `directory` now, instead of where it was."""
        for old, old_name in _places(node):
            if old.known.get(old_name) is node:
                del old.known[old_name]
        directory.known[name] = node
        node.places = (directory, name)

    def _note_displaced(self, node: Node) -> None:
        if node.ino != int.from_bytes(node.key[:8], "big") & self._mask:
            self._displaced[node.key] = node.ino

    def forget(self, ino: int, count: int) -> None:
        """The kernel gives back `count` references; the last one ends the node."""
        node = self._nodes.get(ino)
        if node is None or node is self.root:
            return
        self._most = max(self._most, len(self._nodes))
        node.lookups -= count
        if node.lookups > 0:
            return
        node.lookups = 0
        del self._nodes[ino]
        self._displaced.pop(node.key, None)
        for directory, name in _places(node):
            if directory.known.get(name) is node:
                del directory.known[name]
        node.places = ()


def _places(node: Node) -> Iterator[tuple[Known, bytes]]:
    flat = iter(node.places)
    for directory, name in zip(flat, flat, strict=True):
        assert isinstance(directory, Known) and isinstance(name, bytes), "they alternate"
        yield directory, name
