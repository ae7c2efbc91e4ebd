"""Finding where LMDB keeps a long value without touching it, to have the disk read all of it at once.

py-lmdb touches every page of a value before it gives it out. Where the kernel has been told to read single pages, these
are as many reads of the disk, one after another.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left, bisect_right
from pathlib import Path

from store.engine.pagefile import PageFile
from store.engine.pages import BRANCH, HEAD, IN_OVERFLOW, LEAF, NODE, NUMBER
from store.errors import Corrupt

PAGES = 64
"""Pages of the tree to keep, 4 KiB each; the branches above 5,000 values are one."""
DEEPEST = 8
Pages = dict[int, tuple[bytes, tuple[int, ...]]]
"""Pages by number, and where their nodes begin."""
_KEY = 8


class Finder:
    """Asks the disk for values of `table`, whose keys are of 8 bytes. Safe to use from threads."""

    def __init__(self, data: Path, table: bytes) -> None:
        """Raises OSError, Corrupt."""
        self._file, self._table = PageFile(data), table
        os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        self._walk: tuple[int, int, Pages] = -1, 0, {}
        """The number of a transaction, the root of the table then, and pages of it."""

    def close(self) -> None:
        self._file.__exit__(None, None, None)

    def ask_for(self, state: int, key: bytes) -> None:
        """Have the disk read the value under `key`, as the transaction of number `state` sees it. Does not wait for the
        value. What cannot be found is not asked for.
        """
        try:
            walk = self._walk
            if walk[0] != state:
                walk = self._walk = state, self._find_root(state), {}
            self._ask_for(key, walk[1], walk[2])
        except (Corrupt, OSError, struct.error, IndexError):
            pass  # who reads it says what is wrong

    def _ask_for(self, key: bytes, number: int, pages: Pages) -> None:
        for _ in range(DEEPEST):
            page, offsets = self._page(number, pages)

            def key_at(offset: int, page: bytes = page) -> bytes:
                return page[offset + NODE.size : offset + NODE.size + _KEY]

            if page[10] & BRANCH:
                at = bisect_right(offsets, key, 1, key=key_at) - 1
                low, high, top, _ = NODE.unpack_from(page, offsets[at])
                number = low | high << 16 | top << 32
                continue
            at = bisect_left(offsets, key, key=key_at)
            low, high, flags, size = NODE.unpack_from(page, offsets[at])
            if flags & IN_OVERFLOW and key_at(offsets[at]) == key and size == _KEY:
                first = NUMBER.unpack_from(page, offsets[at] + NODE.size + _KEY)[0]
                start = first * self._file.page_size
                os.posix_fadvise(
                    self._file.fileno(), start, HEAD + (low | high << 16), os.POSIX_FADV_WILLNEED
                )
            return

    def _find_root(self, state: int) -> int:
        root = self._file.find_table(state, self._table).root
        if root is None:
            raise Corrupt("data.mdb", "the table is empty")
        return root

    def _page(self, number: int, pages: Pages) -> tuple[bytes, tuple[int, ...]]:
        found = pages.get(number)
        if found is None:
            page = self._file.page(number)
            if not page[10] & (BRANCH | LEAF):
                raise Corrupt(f"page {number}", "it is another page")
            count = (struct.unpack_from("<H", page, 12)[0] - HEAD) // 2
            found = page, struct.unpack_from(f"<{count}H", page, HEAD)
            if len(pages) >= PAGES:
                pages.clear()
            pages[number] = found
        return found
