"""Whether LMDB's pages are what LMDB takes them for: it trusts them, and a damaged one may end whoever reads it.

Every page that a table leads to must be the page it says it is, of the right kind, with its records inside it and in
the order of their keys, between the keys that the branch above says; leaves all lie equally deep; and the table has as
many pages and records as it says. What the records say is not looked at. Read with pread, past LMDB's map.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from store.engine.env import Environment
from store.engine.pagefile import PageFile, Used, used_pages
from store.engine.pages import (
    BRANCH,
    DEEPEST,
    IN_OVERFLOW,
    IS_TREE,
    LEAF,
    Meta,
    Tree,
    branch_keys,
    branch_pages,
    page_kind,
    tree_record,
)
from store.errors import Corrupt

TRIES = 1000
"""Looks at the meta pages: two commits may come between the beginning of a transaction and a look."""

Damage = tuple[str, Corrupt]
"""The table that it is in, "" for LMDB's own account of which pages are free; and what it is."""


def damage(env: Environment) -> list[Damage]:
    """What is damaged in the last state: one thing for each table at most. While a table is damaged, LMDB must not be
    asked about it.
    """
    with PageFile(env.path / "data.mdb") as file:
        for _ in range(TRIES):
            with env.read() as reading:
                meta = file.find_meta(reading.number)
                if meta is not None:
                    return list(damaged(file, meta))
    return [
        ("tables", Corrupt("data.mdb", "its meta pages are not of the transactions that they should be of"))
    ]


def damaged(file: PageFile, meta: Meta) -> Iterator[Damage]:
    used = Used(meta.last_page + 1)
    used.add(0, 2)
    tables: dict[str, Tree] = {}
    try:
        for key, data in _Walk(file, used, meta.main).records():
            tables[key.decode(errors="backslashreplace")] = tree_record(data)
    except Corrupt as error:
        yield "tables", error
        return
    sound = True
    for table, tree in tables.items():
        try:
            for _ in _Walk(file, used, tree).records():
                pass
        except Corrupt as error:
            sound = False
            yield table, error
    if sound:
        try:
            used_pages(file, meta)
        except Corrupt as error:
            yield "", error


class _Walk:
    """Down one tree."""

    def __init__(self, file: PageFile, used: Used, tree: Tree) -> None:
        self._file, self._used, self._tree = file, used, tree

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """The keys of all records, with the records of trees among them. Raises Corrupt."""
        if self._tree.root is None:
            if self._tree.entries:
                raise Corrupt("data.mdb", "a table has records and no page")
            return
        branches = leaves = entries = 0
        depths = set()
        todo: list[tuple[int, int, bytes, bytes | None]] = [(self._tree.root, 0, b"", None)]
        while todo:
            number, depth, low, high = todo.pop()
            page = self._file.page(number)
            kind = page_kind(page, number)
            if kind not in (BRANCH, LEAF) or depth > DEEPEST:
                raise Corrupt(f"page {number}", "it is another page")
            self._used.add(number, 1)
            if kind == LEAF:
                leaves += 1
                depths.add(depth)
                found = self._leaf(number, page, low, high)
                entries += len(found)
                yield from found
                continue
            branches += 1
            keys, below = branch_keys(page), branch_pages(page)
            if len(below) < 2:
                raise Corrupt(f"page {number}", "a branch with fewer than two pages below it")
            _check_order(number, keys[1:], low, high)
            bounds = [low, *keys[1:], high]
            todo += reversed([(each, depth + 1, bounds[at], bounds[at + 1]) for at, each in enumerate(below)])  # type: ignore[misc]  # only the last bound may be None
        if (branches, leaves, entries) != (self._tree.branches, self._tree.leaves, self._tree.entries):
            raise Corrupt(f"page {self._tree.root}", "its table does not have the pages and records it says")
        if len(depths) != 1:
            raise Corrupt(f"page {self._tree.root}", "the leaves of its table are not equally deep")

    def _leaf(self, number: int, page: bytes, low: bytes, high: bytes | None) -> list[tuple[bytes, bytes]]:
        keys, found = [], []
        for node in self._file.nodes(page):
            keys.append(node.key)
            if node.flags & IN_OVERFLOW and len(node.data) != 8:
                raise Corrupt(f"page {number}", "a record does not say where its value lies")
            if node.flags & IN_OVERFLOW and node.size + 16 > self._file.page_size * len(self._used.bits):
                raise Corrupt(f"page {number}", "a record is larger than the file")
            if node.flags & ~(IN_OVERFLOW | IS_TREE):
                raise Corrupt(f"page {number}", "a record is of no kind that there is")
            found.append((node.key, node.data))
        _check_order(number, keys, low, high)
        return found


def _check_order(number: int, keys: list[bytes], low: bytes, high: bytes | None) -> None:
    if any(one >= other for one, other in pairwise(keys)):
        raise Corrupt(f"page {number}", "its keys are not in order")
    if keys and (keys[0] < low or (high is not None and keys[-1] >= high)):
        raise Corrupt(f"page {number}", "its keys are not those that the page above it says")
