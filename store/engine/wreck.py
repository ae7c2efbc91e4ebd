"""What can still be found in a database that is damaged, without LMDB, which trusts its pages.

Two ways, and both only read. *Down the trees* from the last meta page that makes sense, leaving out what does not: that
gives the records that are in use. *Page by page* through the whole file, whatever leads to them: every leaf, also those
that were given back, and every segment, which announces itself by its magic. Records are sealed and objects are named
by their bytes, so what was found is what was written, wherever it lies; only how late it is, its page does not say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from store.engine.pagefile import PageFile
from store.engine.pages import (
    BRANCH,
    HEAD,
    IN_OVERFLOW,
    IS_TREE,
    LEAF,
    OVERFLOW,
    Tree,
    branch_pages,
    page_kind,
    tree_record,
)
from store.engine.txn import SEGMENTS, TABLES
from store.errors import Corrupt
from store.format import sealed, segment
from store.ids import ObjectId

SEALED = tuple(table for table in TABLES if table not in (b"objects", SEGMENTS))
BLOCK = 8 << 20
"""Bytes to read at a time."""
LARGEST_ROWS = 1 << 20
"""Objects in one segment that are believed."""
PAYLOADS = 64
"""Unpacked segments to keep, of 256 KiB mostly."""
USUAL_PAGE = 4096

Records = dict[bytes, dict[bytes, bytes]]
"""Bodies whose seal is right, by table and key."""
Progress = Callable[[int, int], None]


class Wreck:
    """A damaged store's `data.mdb`. A context manager."""

    def __init__(self, path: Path) -> None:
        """Open it for reading. Raises OSError."""
        self._file = PageFile(path, page_size=USUAL_PAGE)
        self.size = path.stat().st_size
        self.live: Records = {table: {} for table in SEALED}
        """The records in use that could be read."""
        self.whole: set[bytes] = set()
        """The tables of which all pages could be read."""
        self.found: dict[bytes, dict[bytes, list[bytes]]] = {table: defaultdict(list) for table in SEALED}
        """Records on any page, each different body once, in the order of the file."""
        self._segments: list[int] = []
        self._where: dict[bytes, int | tuple[int, ...]] = {}
        self._payloads: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def read(self, progress: Progress = lambda done, total: None) -> None:
        """Find everything. `progress` is told bytes, of all. Memory: some 150 bytes an object."""
        self._read_trees()
        self._read_pages(progress)

    def object(self, name: ObjectId) -> bytes | None:
        """The object's bytes, which are what was written; None when no segment has them."""
        found = self._where.get(name, ())
        for number in (found,) if isinstance(found, int) else found:
            plain = self._cut_out(number, name)
            if plain is not None:
                return plain
        return None

    # down the trees

    def _read_trees(self) -> None:
        for meta in self._file.metas():
            tables: dict[bytes, Tree] = {}
            for key, flags, value in self._records(meta.main, None):
                if flags & IS_TREE and key in self.live and len(value) >= 48:
                    tables[key] = tree_record(value)
            for table, tree in tables.items():
                if not self.live[table] and table not in self.whole:
                    self._read_table(table, tree)

    def _read_table(self, table: bytes, tree: Tree) -> None:
        missed: list[int] = []
        count = 0
        for key, _, value in self._records(tree, missed):
            count += 1
            try:
                self.live[table][key] = sealed.unseal(table, key, value)
            except Corrupt:
                missed.append(0)
        if not missed and count == tree.entries:
            self.whole.add(table)

    def _records(self, tree: Tree, missed: list[int] | None) -> Iterator[tuple[bytes, int, bytes]]:
        """Key, flags and value of the tree's records; `missed` gets the pages that are damaged."""
        missed = [] if missed is None else missed
        todo, seen = [] if tree.root is None else [tree.root], set()
        while todo:
            number = todo.pop()
            try:
                if number in seen:
                    raise Corrupt(f"page {number}", "it is met twice")
                seen.add(number)
                page = self._file.page(number)
                kind = page_kind(page, number)
                if kind & BRANCH:
                    todo += reversed(branch_pages(page))
                elif kind & LEAF:
                    for node in self._file.nodes(page):
                        yield node.key, node.flags, self._file.value(node)
                else:
                    raise Corrupt(f"page {number}", "it is another page")
            except Corrupt:
                missed.append(number)

    # page by page

    def _read_pages(self, progress: Progress) -> None:
        size = self._file.page_size
        beyond = 0
        """Where the run ends in which we are: it is data, and what looks like a leaf in it is somebody's file."""
        tail = b""
        for start in range(0, self.size, BLOCK):
            block = self._file.read(start, BLOCK)
            self._find_segments(tail + block, start - len(tail))
            tail = block[-3:]
            for at in range(0, len(block) - HEAD + 1, size):
                page = block[at : at + size]
                if start + at < beyond:
                    continue
                kind = page_kind(page, None)
                if kind & OVERFLOW and page_kind(page, (start + at) // size) & OVERFLOW:
                    beyond = start + at + size * int.from_bytes(page[12:16], "little")
                elif kind & LEAF:
                    self._read_leaf(page)
            progress(min(start + BLOCK, self.size), self.size)

    def _find_segments(self, block: bytes, start: int) -> None:
        at = block.find(segment.MAGIC)
        while at >= 0:
            self._note_segment(start + at)
            at = block.find(segment.MAGIC, at + 1)

    def _note_segment(self, offset: int) -> None:
        head = self._file.read(offset, segment.HEADER.size)
        if len(head) < segment.HEADER.size:
            return
        _, codec, count, plain = segment.HEADER.unpack(head)
        if codec > segment.ZSTD or count > LARGEST_ROWS or plain > segment.MAX_PLAIN:
            return
        try:
            rows = segment.rows(self._file.read(offset, segment.HEADER.size + segment.ROW.size * count))
        except Corrupt:
            return
        number = len(self._segments)
        self._segments.append(offset)
        for name, _ in rows:
            before = self._where.get(name)
            if before is None:
                self._where[bytes(name)] = number
            else:
                self._where[bytes(name)] = (*((before,) if isinstance(before, int) else before), number)

    def _read_leaf(self, page: bytes) -> None:
        try:
            for node in self._file.nodes(page):
                if node.flags & IS_TREE or (len(node.key) == 32 and node.size == segment.PLACE.size):
                    continue
                if node.flags & IN_OVERFLOW and node.size > self.size:
                    continue
                self._note_record(node.key, self._file.value(node))
        except Corrupt:
            return  # what came before stays

    def _note_record(self, key: bytes, value: bytes) -> None:
        if value.startswith(segment.MAGIC):
            return
        for table in SEALED:
            try:
                body = sealed.unseal(table, key, value)
            except Corrupt:
                continue
            if body not in (known := self.found[table][key]):
                known.append(body)
            return

    # objects

    def _cut_out(self, number: int, name: ObjectId) -> bytes | None:
        offset = self._segments[number]
        head = self._file.read(offset, segment.HEADER.size)
        _, _, count, plain = segment.HEADER.unpack(head)
        before = segment.HEADER.size + segment.ROW.size * count
        try:
            start = 0
            for row, length in segment.rows(self._file.read(offset, before)):
                if row == name:
                    cut = self._payload(number, before + plain)[start : start + length]
                    return bytes(cut) if ObjectId.of(cut) == name else None
                start += length
        except Corrupt:
            pass
        return None

    def _payload(self, number: int, longest: int) -> bytes:
        """The unpacked payload. Raises Corrupt."""
        found = self._payloads.get(number)
        if found is None:
            # How long it is, only its page knew; a compressed one says where it ends, and is the shorter.
            record = self._file.read(self._segments[number], longest)
            try:
                found = bytes(segment.decode(record))
            except Corrupt:
                found = segment.decode_beginning(record)
            if len(self._payloads) >= PAYLOADS:
                self._payloads.pop(next(iter(self._payloads)))
            self._payloads[number] = found
        return found
