"""LMDB's own pages, read past LMDB: which of them are in use, and which are free.

The file of data format 1 is a row of pages; all numbers are little-endian, on a machine of 64 bits:

    page     0 number u64, 8 pad u16, 10 flags u16, 12 lower u16, 14 upper u16 (an overflow run: pages u32 at 12),
             16 offsets of its nodes u16 each, of which there are (lower - 16) / 2
    node     0 low u16, 2 high u16, 4 flags u16, 6 size of the key u16, 8 key, then the data
             on a branch   low, high and flags are the number of a page below
             on a leaf     low and high are the size of the data; flags 1: it lies in an overflow run, and only the
                           number of its first page is here; flags 2: it is the record of a tree
    tree     0 u32, 4 flags u16, 6 depth u16, then u64 each: branches, leaves, overflow pages, entries, root
    meta     in pages 0 and 1, after the page's head: magic u32, version u32, address u64, map u64, the trees of free
             pages and of everything, last page u64, transaction u64. The greater transaction is the state that counts.
    free     the key is the transaction that gave the pages back (u64), the value their count and numbers (u64 each)

Everything is read with pread, from the page cache that LMDB writes to and maps. The caller sees to it that the pages of
the state that is walked are not used again meanwhile: by a read transaction on it, or by LMDB's write lock.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from store.errors import Corrupt

HEAD = 16
"""Bytes before a page's nodes."""
BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8
IN_OVERFLOW, IS_TREE = 1, 2
MAGIC, VERSION = 0xBEEFC0DE, 1
MAGIC_BYTES = MAGIC.to_bytes(4, "little")
NOTHING = (1 << 64) - 1
"""The root of an empty tree."""
SIZES = {1 << bits for bits in range(9, 17)}
DEEPEST = 32
FARTHEST = 1 << 62
"""Bytes: no file is so long, and damage may say so."""
_PAGE = struct.Struct("<QHHHH")
_NODE = struct.Struct("<4H")
_TREE = struct.Struct("<IHHQQQQQ")
_META = struct.Struct("<IIQQ")
_NUMBER = struct.Struct("<Q")
_FIRST_TREE, _LAST_PAGE = HEAD + _META.size, HEAD + _META.size + 2 * _TREE.size


class Tree(msgspec.Struct, frozen=True):
    """One of LMDB's trees."""

    depth: int
    """Levels of pages, the leaves' among them; 0: it is empty."""
    branches: int
    leaves: int
    overflow: int
    """Pages of values that do not fit into a leaf."""
    entries: int
    """Records."""
    root: int | None
    """None: it is empty."""


class Meta(msgspec.Struct, frozen=True):
    """A state of the database."""

    number: int
    """The transaction that made it."""
    page_size: int
    last_page: int
    free: Tree
    """Pages to be used again, by the transaction that gave them back."""
    main: Tree
    """The tables."""


class Node(msgspec.Struct, frozen=True):
    """One record on a leaf."""

    key: bytes
    flags: int
    data: bytes
    """The value, or what stands for it."""
    size: int
    """Bytes of the value."""


class PageFile:
    """`data.mdb`, opened for reading beside LMDB. A context manager.

    Closing it does LMDB no harm: its locks are on the other file.
    """

    def __init__(self, path: Path, *, page_size: int = 0) -> None:
        """Open it; with `page_size` bytes in a page if the first one does not say. Raises Corrupt."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            first = os.pread(self._descriptor, 4096, 0).ljust(4096, b"\0")
            self.page_size: int = struct.unpack_from("<I", first, _FIRST_TREE)[0]
            if self.page_size not in SIZES or not _PAGE.unpack_from(first)[2] & META:
                self.page_size = page_size
            if not self.page_size:
                raise Corrupt("data.mdb", "its first page does not say how large its pages are")
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def page(self, number: int) -> bytes:
        """The page. Raises Corrupt when the file ends before."""
        return self._read(number * self.page_size, self.page_size, f"page {number}")

    def value(self, node: Node) -> bytes:
        """The record's whole value. Raises Corrupt."""
        if not node.flags & IN_OVERFLOW:
            return node.data
        first: int = _NUMBER.unpack(node.data)[0]
        return self._read(first * self.page_size + HEAD, node.size, f"overflow page {first}")

    def run(self, first: int) -> int:
        """How many pages the overflow run has that begins with `first`. Raises Corrupt."""
        number, _, flags, low, high = _PAGE.unpack(
            self._read(first * self.page_size, HEAD, f"overflow page {first}")
        )
        if number != first or not flags & OVERFLOW:
            raise Corrupt(f"overflow page {first}", "it is another page")
        return int(low | high << 16)

    def find_meta(self, number: int) -> Meta | None:
        """The state that the transaction `number` made; None when neither meta page is of it."""
        found = _meta(self.page(number & 1))
        return found if found is not None and found.number == number else None

    def find_table(self, state: int, name: bytes) -> Tree:
        """The tree of a table as the transaction `state` left it. Raises Corrupt, also when others have ended since."""
        meta = self.find_meta(state)
        if meta is None:
            raise Corrupt("data.mdb", "other transactions have ended")
        for number in self.leaves(meta.main):
            for node in self.nodes(self.page(number)):
                if node.key == name:
                    return tree_record(node.data)
        raise Corrupt("data.mdb", "it lacks our tables")

    def metas(self) -> list[Meta]:
        """The states that the meta pages describe, the last one first; fewer than two when one is damaged."""
        found = []
        for number in (0, 1):
            try:
                found.append(_meta(self.page(number)))
            except Corrupt:
                continue
        return sorted((each for each in found if each is not None), key=lambda meta: -meta.number)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file, whatever they are; fewer at its end, and zeros where the disk gives nothing."""
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError:
            parts = [self._read_page(at) for at in range(offset, offset + size, self.page_size)]
            return b"".join(parts)[:size]

    def _read_page(self, offset: int) -> bytes:
        try:
            return os.pread(self._descriptor, self.page_size, offset)
        except OSError:
            return bytes(self.page_size)

    def last_two(self) -> tuple[Meta, Meta] | None:
        """The last two states; None when one of the meta pages is none, or they are not of two transactions in a row.

        Transactions write the meta pages by turns, the even ones the first. Before the first one both are of number 0.
        """
        even, odd = (_meta(self.page(number)) for number in (0, 1))
        if even is None or odd is None or even.page_size != odd.page_size:
            return None
        if even.number == odd.number == 0:
            return even, odd
        in_a_row = abs(even.number - odd.number) == 1 and even.number % 2 == 0
        return (even, odd) if in_a_row else None

    def nodes(self, page: bytes) -> Iterator[Node]:
        """The records of a leaf, in order of keys. Raises Corrupt."""
        for offset in _offsets(page):
            low, high, flags, key_size = _NODE.unpack_from(page, offset)
            start, size = offset + _NODE.size + key_size, low | high << 16
            here = _NUMBER.size if flags & IN_OVERFLOW else size
            if start + here > len(page):
                raise Corrupt(f"page {_NUMBER.unpack_from(page)[0]}", "a record reaches beyond its end")
            yield Node(page[offset + _NODE.size : start], flags, page[start : start + here], size)

    def leaves(self, tree: Tree, used: Used | None = None) -> Iterator[int]:
        """The numbers of the tree's leaves, in order of keys; its pages are counted in `used`. Raises Corrupt."""
        if tree.root is None:
            return
        branches = leaves = 0
        todo = [(tree.root, 0)]
        while todo:
            number, depth = todo.pop()
            page = self.page(number)
            flags = page_kind(page, number)
            if not flags & (BRANCH | LEAF) or depth > DEEPEST:
                raise Corrupt(f"page {number}", "it is another page")
            if used is not None:
                used.add(number, 1)
            if flags & LEAF:
                leaves += 1
                yield number
                continue
            branches += 1
            todo += [(below, depth + 1) for below in reversed(branch_pages(page))]
        if (branches, leaves) != (tree.branches, tree.leaves):
            raise Corrupt("data.mdb", f"the tree at page {tree.root} does not have the pages it says")

    def mark(self, tree: Tree, used: Used) -> list[Tree]:
        """Count all pages of the tree in `used`; the trees whose records it holds. Raises Corrupt."""
        found: list[Tree] = []
        runs: list[tuple[int, int]] = []
        for number in self.leaves(tree, used):
            for node in self.nodes(self.page(number)):
                if node.flags & IN_OVERFLOW:
                    pages = -(-(HEAD + node.size) // self.page_size)
                    runs.append((_NUMBER.unpack(node.data)[0], pages))
                elif node.flags & IS_TREE:
                    found.append(tree_record(node.data))
        if sum(pages for _, pages in runs) != tree.overflow:
            # A value that was written over by a shorter one keeps its run, and only the run says how long that is.
            runs = [(first, self.run(first)) for first, _ in runs]
        if sum(pages for _, pages in runs) != tree.overflow:
            raise Corrupt("data.mdb", f"the tree at page {tree.root} does not have the pages it says")
        for first, pages in runs:
            used.add(first, pages)
        return found

    def free(self, meta: Meta) -> Iterator[tuple[int, array[int]]]:
        """The free pages by the transaction that gave them back, transactions in order. Raises Corrupt."""
        for number in self.leaves(meta.free):
            for node in self.nodes(self.page(number)):
                raw = self.value(node)
                listed = array("Q", raw[: len(raw) // 8 * 8])
                if len(node.key) != 8 or not listed or listed[0] >= len(listed):
                    raise Corrupt("data.mdb", "a list of free pages is not one")
                yield _NUMBER.unpack(node.key)[0], listed[1 : 1 + listed[0]]

    def _read(self, offset: int, size: int, what: str) -> bytes:
        found = self.read(offset, size) if offset < FARTHEST else b""
        if len(found) != size:
            raise Corrupt(what, "the file ends before its end")
        return found


class Used:
    """Which pages of one state are in use: a byte for each page, none used twice."""

    def __init__(self, pages: int) -> None:
        self.bits = bytearray(pages)

    def add(self, first: int, count: int) -> None:
        """Note `count` pages from `first` on. Raises Corrupt when one is there already, or beyond the last."""
        if first + count > len(self.bits) or self.bits.find(1, first, first + count) >= 0:
            raise Corrupt(f"page {first}", "it is in use twice, or beyond the last")
        self.bits[first : first + count] = b"\1" * count


def used_pages(file: PageFile, meta: Meta) -> Used:
    """The pages in use in the state `meta`: of the meta pages, of all trees, of the lists of free pages.

    Raises Corrupt unless each page up to the last is either in use, once, or free, once: then LMDB's own account of
    its pages can be trusted.
    """
    used = Used(meta.last_page + 1)
    used.add(0, 2)
    file.mark(meta.free, used)
    trees = [meta.main]
    while trees:
        trees += file.mark(trees.pop(), used)
    both = Used(meta.last_page + 1)
    both.bits[:] = used.bits
    for _, pages in file.free(meta):
        for page in pages:
            both.add(page, 1)
    if lost := both.bits.count(0):
        raise Corrupt("data.mdb", f"{lost} of its pages are neither in use nor free")
    return used


def _offsets(page: bytes) -> tuple[int, ...]:
    lower = _PAGE.unpack_from(page)[3]
    if not HEAD <= lower <= len(page):
        raise Corrupt(f"page {_NUMBER.unpack_from(page)[0]}", "its records do not lie in it")
    found: tuple[int, ...] = struct.unpack_from(f"<{(lower - HEAD) // 2}H", page, HEAD)
    if found and max(found) + _NODE.size > len(page):
        raise Corrupt(f"page {_NUMBER.unpack_from(page)[0]}", "its records do not lie in it")
    return found


def page_kind(page: bytes, number: int | None) -> int:
    """The flags of a page that says it is page `number` (None: any); 0 for another one."""
    itself, _, flags, _, _ = _PAGE.unpack_from(page)
    return int(flags) if number is None or itself == number else 0


def branch_pages(page: bytes) -> list[int]:
    """The numbers of the pages right below a branch, in order of keys. Raises Corrupt."""
    found = []
    for offset in _offsets(page):
        low, high, top, _ = _NODE.unpack_from(page, offset)
        found.append(low | high << 16 | top << 32)
    return found


def branch_keys(page: bytes) -> list[bytes]:
    """The first keys of the pages right below a branch, in order; the first page's is not used. Raises Corrupt."""
    found = []
    for offset in _offsets(page):
        size = _NODE.unpack_from(page, offset)[3]
        start = offset + _NODE.size
        if start + size > len(page):
            raise Corrupt(f"page {_NUMBER.unpack_from(page)[0]}", "a key reaches beyond its end")
        found.append(page[start : start + size])
    return found


def tree_record(raw: bytes, offset: int = 0) -> Tree:
    if offset + _TREE.size > len(raw):
        raise Corrupt("data.mdb", "the record of a tree is cut off")
    _, _, depth, branches, leaves, overflow, entries, root = _TREE.unpack_from(raw, offset)
    return Tree(depth, branches, leaves, overflow, entries, None if root == NOTHING else root)


def _meta(page: bytes) -> Meta | None:
    """The state that a meta page describes, if it does."""
    flags = _PAGE.unpack_from(page)[2]
    magic, version, _, _ = _META.unpack_from(page, HEAD)
    if not flags & META or magic != MAGIC or version != VERSION:
        return None
    last, number = struct.unpack_from("<QQ", page, _LAST_PAGE)
    size = struct.unpack_from("<I", page, _FIRST_TREE)[0]
    return Meta(
        number, size, last, tree_record(page, _FIRST_TREE), tree_record(page, _FIRST_TREE + _TREE.size)
    )
