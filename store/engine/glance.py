"""What can be told of a data file at a glance, before LMDB reads a page of it through the map.

LMDB trusts its file. A page beyond the end of it ends the process with SIGBUS; a meta page that was damaged or comes
from another time may bring back an old state without a word. Both are told from the two meta pages and the length.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from store.engine.pagefile import PageFile
from store.engine.pages import MAGIC_BYTES, Meta
from store.errors import Corrupt

TRIES = 10
"""Looks at the meta pages: a look is two reads of memory, and a writer may commit twice between them."""

SMALLEST_PAGE = 4096
"""Bytes: LMDB's pages are those of the machine."""


def check(file: PageFile, txn: Any) -> None:
    """Raise Corrupt when the two last states do not follow each other, or a page that is in use was cut off.

    `txn` is a read transaction of LMDB: it keeps the pages of its state from being used again.
    """
    for _ in range(TRIES):
        both = file.last_two()
        if both is not None:
            break
    else:
        raise Corrupt("data.mdb", "its two meta pages are not those of two transactions in a row")
    meta = file.find_meta(txn.id()) or max(both, key=lambda meta: meta.number)
    _check_length(file, meta)


def _check_length(file: PageFile, meta: Meta) -> None:
    """The file may end before the last page, when the last ones were taken and given back in one transaction."""
    pages = os.fstat(file.fileno()).st_size // file.page_size
    missing = meta.last_page + 1 - pages
    if missing <= 0:
        return
    free = (page for _, listed in file.free(meta) for page in listed if pages <= page <= meta.last_page)
    try:
        unused = sum(1 for _ in free)
    except Corrupt:
        unused = 0
    if unused < missing:
        cut = (meta.last_page + 1) * file.page_size - os.fstat(file.fileno()).st_size
        raise Corrupt("data.mdb", f"it was cut off; the last {cut} bytes are missing")


def remove_stump(path: Path) -> None:
    """Remove what a full disk leaves of a database that was being made: the first meta page, or a part of it.

    LMDB writes both meta pages at once before anything else, and does not open a file with one. Any other file stays.
    """
    try:
        with path.open("rb") as file:
            head = file.read(2 * SMALLEST_PAGE)
    except OSError:
        return
    if len(head) < 2 * SMALLEST_PAGE and head[16:20] == MAGIC_BYTES:
        path.unlink()
