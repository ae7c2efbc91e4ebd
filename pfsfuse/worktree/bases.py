"""The trees that a working tree's changes were made on, kept alive by pins.

    worktree/<id>         the tree that it began on, or that it was last settled on: what staging compares with
    worktree/<id>/<n>     one that the branch came to show later, of which something was taken

A file that was written to shows its old bytes through, and a directory that was moved shows all that was in it. The
branch may forget both meanwhile: a squash, and the objects are collected.
"""

from __future__ import annotations

from pfsfuse.worktree.place import DIRECTORY
from store import Entry, Store

PREFIX = b"worktree/"


class Bases:
    """Those of one working tree. All changes are durable on return."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = PREFIX + name.encode()
        self._kept: dict[bytes, bytes] | None = None
        """Names of pins by the root nodes that they keep; None: not looked at yet."""

    def first(self) -> Entry | None:
        """The tree that the changes were made to; None: there was none."""
        found = self._store.pins.get(self._name)
        return None if found is None else found.tree

    def begin(self, tree: Entry | None) -> None:
        """The changes are made to `tree` from here on. What was kept before stays, until `let_go_of_others`."""
        before = self.first()
        if before is not None and (tree is None or before.content != tree.content):
            self._keep(before, spare=self._name)
        if tree is None:
            self._store.pins.delete(self._name)
        else:
            self._store.pins.put(self._name, tree)
        self._kept = None

    def keep(self, tree: Entry | None) -> None:
        """Something of `tree` is taken. Raises Conflict when part of it was collected already."""
        if tree is not None:
            self._keep(tree, spare=b"")

    def _keep(self, tree: Entry, *, spare: bytes) -> None:
        """Keep it by a pin other than `spare`."""
        kept = self._looked()
        if tree.content is None or kept.get(tree.content, spare) != spare:
            return
        number = 1 + max((int(name.rpartition(b"/")[2]) for name in self._others()), default=0)
        name = self._name + b"/%d" % number
        self._store.pins.put(name, tree)
        kept[tree.content] = name

    def let_go_of_others(self) -> None:
        """Keep the first only: nothing shows through from another."""
        for name in self._others():
            self._store.pins.delete(name)
        self._kept = None

    def let_go(self) -> None:
        """Keep nothing."""
        self.let_go_of_others()
        self._store.pins.delete(self._name)

    def _others(self) -> list[bytes]:
        return [pin.name for pin in self._store.pins.iter(self._name + b"/")]

    def _looked(self) -> dict[bytes, bytes]:
        if self._kept is None:
            first = self._store.pins.get(self._name)
            pins = [*([] if first is None else [first]), *self._store.pins.iter(self._name + b"/")]
            self._kept = {pin.tree.content: pin.name for pin in pins if pin.tree.content is not None}
        return self._kept


def let_go_of_removed(store: Store) -> None:
    """Drop the pins of working trees whose directories are gone: somebody has moved them away."""
    for pin in store.pins.iter(PREFIX):
        name = pin.name.removeprefix(PREFIX).partition(b"/")[0].decode("ascii", "replace")
        if not (store.path / DIRECTORY / name).is_dir():
            store.pins.delete(pin.name)
