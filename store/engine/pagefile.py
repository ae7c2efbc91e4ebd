"""A file of LMDB's pages, read past LMDB: which of them are in use, and which are free.

Everything is read with pread, from the page cache that LMDB writes to and maps. The caller sees to it that the pages of
the state that is walked are not used again meanwhile: by a read transaction on it, or by LMDB's write lock.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from store.engine.pages import (
    BRANCH,
    DEEPEST,
    HEAD,
    IN_OVERFLOW,
    IS_TREE,
    LEAF,
    NUMBER,
    Meta,
    Node,
    Tree,
    branch_pages,
    leaf_nodes,
    page_kind,
    page_size_of,
    run_length,
    state_of,
    tree_record,
)
from store.errors import Corrupt

FARTHEST = 1 << 62
"""Bytes: no file is so long, and damage may say so."""


class PageFile:
    """`data.mdb`, opened for reading beside LMDB. A context manager.

    Closing it does LMDB no harm: its locks are on the other file.
    """

    def __init__(self, path: Path, *, page_size: int = 0) -> None:
        """Open it; with `page_size` bytes in a page if the first one does not say. Raises Corrupt."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            first = os.pread(self._descriptor, 4096, 0).ljust(4096, b"\0")
            self.page_size = page_size_of(first) or page_size
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
        first: int = NUMBER.unpack(node.data)[0]
        return self._read(first * self.page_size + HEAD, node.size, f"overflow page {first}")

    def run(self, first: int) -> int:
        """How many pages the overflow run has that begins with `first`. Raises Corrupt."""
        head = self._read(first * self.page_size, HEAD, f"overflow page {first}")
        return run_length(head, first)

    def find_meta(self, number: int) -> Meta | None:
        """The state that the transaction `number` made; None when neither meta page is of it."""
        found = state_of(self.page(number & 1))
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
                found.append(state_of(self.page(number)))
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
        even, odd = (state_of(self.page(number)) for number in (0, 1))
        if even is None or odd is None or even.page_size != odd.page_size:
            return None
        if even.number == odd.number == 0:
            return even, odd
        in_a_row = abs(even.number - odd.number) == 1 and even.number % 2 == 0
        return (even, odd) if in_a_row else None

    nodes = staticmethod(leaf_nodes)

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
                    runs.append((NUMBER.unpack(node.data)[0], pages))
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
                yield NUMBER.unpack(node.key)[0], listed[1 : 1 + listed[0]]

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
