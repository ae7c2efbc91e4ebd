"""Giving the space of free pages back to the file system, in place.        store/gc.md, "Compacting"

    1. in a read transaction, walk all pages of that state: each must be in use once or free once
    2. commit a few times, so that what was given back last is old enough, and walk again
    3. in short write transactions that commit nothing: punch holes for the pages that were free in 2 and are free now,
       and to which neither a reader nor one of the last three states leads
    4. cut off what lies behind the last page

Every page stays where it is. A process that dies in here has changed no byte that
anybody reads.
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from store.engine import tail
from store.engine.env import Environment
from store.engine.pagefile import PageFile, Used, used_pages
from store.engine.pages import Meta
from store.engine.txn import Writing
from store.errors import Corrupt, Refused
from store.format.tables import HEADER_KEY, META

HOLD_SECONDS = 0.2
"""How long other writers are kept waiting at a time."""
MARGIN = 1
"""States to spare beside those that LMDB itself leaves whole when it uses pages again."""
SETTLE = 1 + MARGIN
"""Commits until a page that was given back is used again, or here given back to the file system."""
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_fallocate = ctypes.CDLL(None, use_errno=True).fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)

Progress = Callable[[int, int], None]
"""Told the pages looked at so far, and all pages."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction has done, in bytes."""

    returned: int
    """Given back to the file system."""
    stored: int
    """What the database takes on the disk now."""
    kept: int
    """Free, but kept for readers that had begun before."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a compaction would find, in bytes."""

    used: int
    """In pages that are in use."""
    free: int
    """In pages that nothing uses."""
    returnable: int
    """What the file takes on the disk beyond the pages that are in use: about what compacting gives back."""


def plan_compact(env: Environment) -> Room:
    """What could be given back. Changes nothing. Raises Corrupt when LMDB's pages do not add up."""
    with PageFile(env.path / "data.mdb") as file:
        meta, used = _walk(env, file)
        size = used.bits.count(1) * file.page_size
        return Room(size, (meta.last_page + 1) * file.page_size - size, max(0, _stored(file) - size))


def compact(env: Environment, progress: Progress = lambda done, total: None) -> Compacted:
    """Give the space of free pages back to the file system. Safe beside readers and writers, who wait 0.2 s at most.

    Raises Corrupt when LMDB's pages do not add up, and Refused where the file system cannot do it: then nothing was
    given back.
    """
    with PageFile(env.path / "data.mdb") as file:
        _walk(env, file)  # a list of free pages that is wrong harms the next transaction that writes
        for _ in range(SETTLE):
            env.write(_touch)
        before = _stored(file)
        meta, used = _walk(env, file)
        at = kept = 0
        writable = os.open(env.path / "data.mdb", os.O_RDWR | os.O_CLOEXEC)
        try:
            while at <= meta.last_page:
                at, kept = env.write(_Slice(env, file, writable, used, at))
                progress(at, meta.last_page + 1)
        finally:
            os.close(writable)
        env.write(lambda _: tail.cut(env.path / "data.mdb", 0))
        after = _stored(file)
    return Compacted(max(0, before - after), after, kept)


def _touch(writing: Writing) -> None:
    """Write the header as it is: the least that makes LMDB commit."""
    header = writing.get_raw(META, HEADER_KEY)
    if header is not None:
        writing.put_raw(META, HEADER_KEY, bytes(header))


def _walk(env: Environment, file: PageFile) -> tuple[Meta, Used]:
    """The last state, and its pages in use. Raises Corrupt."""
    while True:
        with env.read() as reading:
            meta = file.find_meta(reading.number)
            if meta is not None:
                return meta, used_pages(file, meta)
        # Two commits came between the beginning of the transaction and the look at the meta pages.


class _Slice:
    """Some pages, in one write transaction."""

    def __init__(self, env: Environment, file: PageFile, writable: int, used: Used, at: int) -> None:
        self._env, self._file, self._writable, self._used, self._at = env, file, writable, used, at

    def __call__(self, writing: Writing) -> tuple[int, int]:
        """The page to go on with, and the bytes that are kept for readers.

        Nobody commits while this transaction is open, and it commits nothing itself.
        """
        last = writing.number - 1
        meta = self._file.find_meta(last)
        if meta is None:
            raise Corrupt("data.mdb", f"neither meta page is of transaction {last}")
        oldest = min([last, *self._env.reader_txnids()])
        until = time.monotonic() + HOLD_SECONDS
        old: array[int] = array("Q")
        kept = 0
        for number, pages in self._file.free(meta):
            if number < oldest - MARGIN:
                old += pages
            elif number < last - MARGIN:
                kept += len(pages)
        for first, count in self._runs(old):
            if time.monotonic() > until:
                return first, kept * self._file.page_size
            size = self._file.page_size
            _punch(self._writable, first * size, count * size, self._env)
        return len(self._used.bits), kept * self._file.page_size

    def _runs(self, pages: array[int]) -> Iterator[tuple[int, int]]:
        """Pages from `at` on that were free when all were walked too, in order, neighbours together."""
        used, first, count = self._used.bits, 0, 0
        for page in sorted(pages):
            if page < self._at or page >= len(used) or used[page]:
                continue
            if page == first + count:
                count += 1
                continue
            if count:
                yield first, count
            first, count = page, 1
        if count:
            yield first, count


def _stored(file: PageFile) -> int:
    return os.fstat(file.fileno()).st_blocks * 512


def _punch(descriptor: int, offset: int, size: int, env: Environment) -> None:
    while _fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, offset, size):
        code = ctypes.get_errno()
        if code == errno.EINTR:
            continue
        if code == errno.EOPNOTSUPP:
            raise Refused(
                f"the file system of {env.path} cannot take back a part of a file; `pfs store copy DIR` makes a copy "
                "without free pages"
            )
        raise OSError(code, os.strerror(code), os.fspath(env.path / "data.mdb"))
