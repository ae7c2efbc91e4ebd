"""Through every tree of a store, each object once: nodes and lists are checked on the way down, and on the way up each
learns whether something below it is damaged.

    an object's byte in the marks
    1, 2, 4     it was checked as a chunk, a node, a list          (Role)
    BAD         something is wrong with the object itself
    TAINTED     something below it is bad
    ENDS        its last item ends a node or list on every level
    PLACED      its place points at a row (set while segments were read)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from store.engine import Reading
from store.engine.loader import Loader
from store.engine.marks import Marks
from store.format import chunklist, node
from store.format.chunklist import ChunkList
from store.format.node import Leaf, Node
from store.fsck import objects
from store.fsck.checks import DAMAGE
from store.fsck.records import Affected, Finding
from store.ids import ObjectId
from store.reach import Reference, Role, below, of_entry
from store.records import Entry

BAD, TAINTED, ENDS, PLACED = 8, 16, 32, 64
KEPT = 512
"""Decoded nodes, and lists, to keep: a node is looked at by the one above it and then for itself."""
OUTLINES = 1 << 14
"""Outlines of nodes to keep, some MB: each version of a large directory says the same of most that lies below it."""


@dataclass(slots=True)
class _Frame:
    """A node or list that is being checked."""

    name: ObjectId
    role: Role
    found: Node | ChunkList
    references: Iterator[Reference]
    tainted: bool


class Walk:
    """Checks trees; gives what it finds to `report`."""

    def __init__(
        self,
        reading: Reading,
        marks: Marks,
        report: Callable[[Finding], None],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._reading, self._marks, self._report, self._tick = reading, marks, report, tick
        self._load = Loader(reading)
        self.missing: set[bytes] = set()
        """Objects that something refers to and that the store does not have."""
        self.find_node = lru_cache(KEPT)(self._find_node)
        self.find_list = lru_cache(KEPT)(self._find_list)
        self._outline = lru_cache(OUTLINES)(self._find_outline)

    def check(self, root: Entry, where: Affected) -> bool:
        """Check a tree; whether anything in it is damaged. `where` names it in what is found about its own entry."""
        tainted = False
        for invariant, why in self._about(root):
            self._report(Finding(invariant, str(where), why, affects=(Affected(where.where, b""),)))
            tainted = True
        stack: list[_Frame] = []
        references = of_entry(root)
        while True:
            reference = next(references, None)
            if reference is None:
                if not stack:
                    return tainted
                done = stack.pop()
                bad = self._leave(done)
                if stack:
                    stack[-1].tainted |= bad
                    references = stack[-1].references
                else:
                    tainted |= bad
                    references = iter(())
                continue
            known = self._known(reference)
            if known is None:
                stack.append(frame := self._enter(reference))
                references = frame.references
            elif stack:
                stack[-1].tainted |= known
            else:
                tainted |= known

    def is_damaged(self, name: bytes) -> bool:
        """Whether the object, or something below it, is; for objects that were met."""
        return bool(self._marks.get(name) & (BAD | TAINTED)) or name in self.missing

    def _known(self, reference: Reference) -> bool | None:
        """Whether it is damaged; None for a node or list that was not met yet."""
        name, role, _ = reference
        bits = self._marks.get(name)
        if bits & role:
            return bool(bits & BAD) or (role is not Role.CHUNK and bool(bits & TAINTED))
        if self._marks.rank(name) is None:
            if name not in self.missing:
                self.missing.add(name)
                self._report(Finding("I3", f"object {name}", "it is missing", subject=name))
            return True
        self._marks.add(name, role)
        self._tick()
        return bool(bits & BAD) if role is Role.CHUNK else None

    def _enter(self, reference: Reference) -> _Frame:
        name, role, level = reference
        found: Node | ChunkList | None = None
        try:
            plain = self._load(name)
            found = chunklist.decode(plain) if role is Role.LIST else node.decode(plain)
            bad = False
            for finding in (
                self._about_list(name, found)
                if isinstance(found, ChunkList)
                else self._about_node(name, found)
            ):
                self._report(finding)
                bad = True
            references = below(plain, role, level)
        except DAMAGE as error:
            if not self._marks.get(name) & BAD:
                self._report(Finding("I2", f"object {name}", str(error), subject=name))
            bad, references = True, iter(())
        if bad:
            self._marks.add(name, BAD)
        return _Frame(name, role, found or Leaf([]), references, bad)

    def _leave(self, done: _Frame) -> bool:
        """Note what is known once everything below was met; whether the object or something below is damaged."""
        if done.found.items:
            for finding in objects.below_end_where_they_should(done.name, done.found, self._ends):
                if not done.tainted:  # it would only follow from what is wrong below
                    self._report(finding)
                    self._marks.add(done.name, BAD)
                    done.tainted = True
            if objects.ends_at_a_boundary(done.found, self._ends):
                self._marks.add(done.name, ENDS)
        if done.tainted:
            self._marks.add(done.name, TAINTED)
        return done.tainted

    def _ends(self, name: ObjectId) -> bool:
        return bool(self._marks.get(name) & ENDS)

    def _about_node(self, name: ObjectId, found: Node) -> Iterator[Finding]:
        yield from objects.names_are_in_order_each_once(name, found, self.find_node)
        yield from objects.node_is_what_the_entries_make(name, found, self._outline)
        for entry in found.items if isinstance(found, Leaf) else ():
            for invariant, why in self._about(entry):
                yield Finding(invariant, f"node {name}", why, subject=name, name=entry.name)

    def _about_list(self, name: ObjectId, found: ChunkList) -> Iterator[Finding]:
        yield from objects.chunks_have_the_sizes_their_list_says(self._reading, name, found)
        yield from objects.list_is_what_the_chunks_make(name, found, self.find_list)

    def _about(self, entry: Entry) -> Iterator[tuple[str, str]]:
        try:
            yield from objects.entry_is_well_formed(entry)
            if entry.is_dir:
                yield from objects.directory_is_what_its_entries_make(entry, self._outline)
            elif entry.is_file:
                yield from objects.file_is_what_its_chunks_make(self._reading, entry, self.find_list)
        except DAMAGE as error:
            yield "I9", str(error)

    def _find_node(self, name: ObjectId) -> Node | None:
        try:
            return node.decode(self._load(name))
        except DAMAGE:
            return None

    def _find_outline(self, name: ObjectId) -> objects.Outline | None:
        try:
            found = self.find_node(name)
            return None if found is None else objects.outline(name, found)
        except DAMAGE:
            return None

    def _find_list(self, name: ObjectId) -> ChunkList | None:
        try:
            return chunklist.decode(self._load(name))
        except DAMAGE:
            return None
