"""LMDB's own pages: what their bytes say. Read past LMDB, by `pagefile.py`.

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
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

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
_PAGE = struct.Struct("<QHHHH")
NODE = struct.Struct("<4H")
_TREE = struct.Struct("<IHHQQQQQ")
_META = struct.Struct("<IIQQ")
NUMBER = struct.Struct("<Q")
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


def _offsets(page: bytes) -> tuple[int, ...]:
    lower = _PAGE.unpack_from(page)[3]
    if not HEAD <= lower <= len(page):
        raise Corrupt(f"page {NUMBER.unpack_from(page)[0]}", "its records do not lie in it")
    found: tuple[int, ...] = struct.unpack_from(f"<{(lower - HEAD) // 2}H", page, HEAD)
    if found and max(found) + NODE.size > len(page):
        raise Corrupt(f"page {NUMBER.unpack_from(page)[0]}", "its records do not lie in it")
    return found


def page_kind(page: bytes, number: int | None) -> int:
    """The flags of a page that says it is page `number` (None: any); 0 for another one."""
    itself, _, flags, _, _ = _PAGE.unpack_from(page)
    return int(flags) if number is None or itself == number else 0


def run_length(head: bytes, first: int) -> int:
    """How many pages the overflow run has that begins with the page `first`, by its head. Raises Corrupt."""
    number, _, flags, low, high = _PAGE.unpack(head)
    if number != first or not flags & OVERFLOW:
        raise Corrupt(f"overflow page {first}", "it is another page")
    return int(low | high << 16)


def branch_pages(page: bytes) -> list[int]:
    """The numbers of the pages right below a branch, in order of keys. Raises Corrupt."""
    found = []
    for offset in _offsets(page):
        low, high, top, _ = NODE.unpack_from(page, offset)
        found.append(low | high << 16 | top << 32)
    return found


def branch_keys(page: bytes) -> list[bytes]:
    """The first keys of the pages right below a branch, in order; the first page's is not used. Raises Corrupt."""
    found = []
    for offset in _offsets(page):
        size = NODE.unpack_from(page, offset)[3]
        start = offset + NODE.size
        if start + size > len(page):
            raise Corrupt(f"page {NUMBER.unpack_from(page)[0]}", "a key reaches beyond its end")
        found.append(page[start : start + size])
    return found


def leaf_nodes(page: bytes) -> Iterator[Node]:
    """The records of a leaf, in order of keys. Raises Corrupt."""
    for offset in _offsets(page):
        low, high, flags, key_size = NODE.unpack_from(page, offset)
        start, size = offset + NODE.size + key_size, low | high << 16
        here = NUMBER.size if flags & IN_OVERFLOW else size
        if start + here > len(page):
            raise Corrupt(f"page {NUMBER.unpack_from(page)[0]}", "a record reaches beyond its end")
        yield Node(page[offset + NODE.size : start], flags, page[start : start + here], size)


def tree_record(raw: bytes, offset: int = 0) -> Tree:
    if offset + _TREE.size > len(raw):
        raise Corrupt("data.mdb", "the record of a tree is cut off")
    _, _, depth, branches, leaves, overflow, entries, root = _TREE.unpack_from(raw, offset)
    return Tree(depth, branches, leaves, overflow, entries, None if root == NOTHING else root)


def page_size_of(first: bytes) -> int:
    """The bytes in a page, as a meta page says; 0 when it is none."""
    size: int = struct.unpack_from("<I", first, _FIRST_TREE)[0]
    return size if size in SIZES and _PAGE.unpack_from(first)[2] & META else 0


def state_of(page: bytes) -> Meta | None:
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
