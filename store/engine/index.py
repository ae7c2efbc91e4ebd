"""Having the disk read all of the index at once, as soon as somebody keeps waiting for pages of it.

The table of objects is sorted by their hashes, so the places of one file's chunks stand on as many pages, which lie all
over the data file, between segments. Each one that is not in memory is waited for, and the readahead of LMDB's map,
which is good for segments, brings up to 8 MiB around it that nobody asked for: a walk through 200 directories of a
store of 1 GB read half of the store. The pages themselves are few, 4 KiB for about 50 objects.

What is read here goes to the page cache. It changes no byte and answers no question: what goes wrong costs time only.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from math import inf
from pathlib import Path
from resource import RUSAGE_THREAD, getrusage
from threading import Thread
from time import monotonic

from store.engine.pagefile import PageFile
from store.engine.pages import BRANCH, DEEPEST, Tree, branch_pages, page_kind
from store.engine.txn import OBJECTS, SEGMENTS, Reading
from store.errors import Corrupt

TABLES = (OBJECTS, SEGMENTS)
"""What has to be looked at for an object: its place, and where its segment is."""
SLOW_NS = 50_000
"""Nanoseconds from which a look at the index may have waited for the disk. Whether it did, the kernel knows."""
PATIENCE = 3
"""Looks that waited before the index is asked for: whoever wants one file is done by then."""
AGAIN_SECONDS, AGAIN = 2.0, 16
"""What was read may have been let go of since: after so long it is asked for again as before, and sooner when so many
looks have waited nevertheless."""
MOST = 16 << 20
"""Bytes of an index that is worth it, about 200,000 objects: of more, a reader wants too little."""
GAP = 8
"""Pages that are read though nobody wants them, rather than to ask twice."""


class Index:
    """Watches how long looks at objects in the file `data` take. Safe to use from threads."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._waited = 0
        self._asked = -inf
        self._of_thread = threading.local()

    def looked(self, reading: Reading, nanoseconds: int) -> None:
        """To be called in a transaction after a look that took so long."""
        if nanoseconds < SLOW_NS or not self._has_waited():
            return
        self._waited += 1
        if self._waited >= AGAIN or (self._waited >= PATIENCE and monotonic() - self._asked >= AGAIN_SECONDS):
            self._waited, self._asked = 0, monotonic()
            # The disk takes no more than so many orders at a time, and then the next one waits.
            with suppress(RuntimeError):  # no more threads are allowed, or Python is about to end
                Thread(target=self._ask, args=(reading.number,), name="store-index", daemon=True).start()

    def _has_waited(self) -> bool:
        """Whether this thread has waited for the disk since it was asked, and not for the processor alone."""
        faults = getrusage(RUSAGE_THREAD).ru_majflt
        before, self._of_thread.faults = getattr(self._of_thread, "faults", 0), faults
        return faults != before

    def _ask(self, state: int) -> None:
        """In a thread. What is damaged is told to who reads it."""
        with suppress(Corrupt, OSError, struct.error), PageFile(self._data) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            for table in TABLES:
                ask_for(file, file.find_table(state, table))


def ask_for(file: PageFile, tree: Tree) -> None:
    """Have the disk read the pages of `tree`, if they are few; the last level is not waited for. Raises Corrupt."""
    if tree.root is None or tree.leaves * file.page_size > MOST or tree.depth > DEEPEST:
        return
    level = [tree.root]
    for _ in range(tree.depth - 1):
        level = [below for number in level for below in _below(file, number)]
        if len(level) > tree.leaves:
            raise Corrupt("data.mdb", "a tree has more pages than it says")
        for first, count in runs(level):
            start, size = first * file.page_size, count * file.page_size
            os.posix_fadvise(file.fileno(), start, size, os.POSIX_FADV_WILLNEED)


def _below(file: PageFile, number: int) -> list[int]:
    page = file.page(number)
    if not page_kind(page, number) & BRANCH:
        raise Corrupt(f"page {number}", "it is another page")
    return branch_pages(page)


def runs(pages: list[int]) -> Iterator[tuple[int, int]]:
    """The pages as few runs: first page and how many, in the order in which they lie."""
    first = last = -1
    for number in sorted(pages):
        if first >= 0 and number - last <= GAP:
            last = number
            continue
        if first >= 0:
            yield first, last - first + 1
        first = last = number
    if first >= 0:
        yield first, last - first + 1
