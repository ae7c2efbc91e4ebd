"""What the kernel must drop because the store has changed: a plan, in two steps.

1. `Vfs.refresh` runs on the event loop: it gives every live directory that the kernel knows its new tree, so that
   whatever is asked from then on is answered by the new heads, and writes down what was known under the old ones.
2. `Refresh.compare` runs in a thread, for it may look up a hundred thousand names: which known files differ?

Only names and attributes are ever dropped, never pages: a number's content cannot change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pfsfuse.vfs.nodes import Node
from store import Entry, Store

Rekey = Callable[[Node, bytes], None]
Replace = Callable[[Node, Node], None]


@dataclass(frozen=True, slots=True)
class DropEntry:
    """The name `name` in the directory `parent` means something else now, or nothing."""

    parent: int
    name: bytes


@dataclass(frozen=True, slots=True)
class DropAttributes:
    """The attributes of `ino` have changed."""

    ino: int


@dataclass(frozen=True, slots=True)
class Invalidations:
    """What to tell the kernel; names first, because a name that is gone needs no attributes."""

    entries: tuple[DropEntry, ...]
    attributes: tuple[DropAttributes, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Names that the kernel knew in one directory, to be compared with its new tree."""

    parent: int
    now: Entry | None
    """The directory's new tree; None: it is gone."""
    known: tuple[tuple[bytes, Entry | None], ...]
    """Each name with the entry the kernel was told about."""


class Refresh:
    """Collects a plan; `compare` completes it."""

    def __init__(
        self, rekey: Rekey = lambda node, key: None, replace: Replace = lambda old, new: None
    ) -> None:
        self.rekey = rekey
        """Gives a node that the kernel knows another key."""
        self.replace = replace
        """Puts another node in the place of one that the kernel knows."""
        self._entries: list[DropEntry] = []
        self._attributes: list[DropAttributes] = []
        self._comparisons: list[Comparison] = []

    @property
    def is_empty(self) -> bool:
        return not (self._entries or self._attributes or self._comparisons)

    def drop_entry(self, parent: int, name: bytes) -> None:
        self._entries.append(DropEntry(parent, name))

    def drop_attributes(self, ino: int) -> None:
        self._attributes.append(DropAttributes(ino))

    def compare_later(self, comparison: Comparison) -> None:
        self._comparisons.append(comparison)

    def compare(self, store: Store) -> Invalidations:
        """The whole plan. Only reads immutable trees: safe in a thread while the loop goes on."""
        entries = list(self._entries)
        for comparison in self._comparisons:
            now = comparison.now
            for name, old in comparison.known:
                if now is None or store.lookup(now, name) != old:
                    entries.append(DropEntry(comparison.parent, name))
        return Invalidations(tuple(entries), tuple(self._attributes))
