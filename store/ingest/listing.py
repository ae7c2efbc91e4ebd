"""What a directory of the host holds, in one look: each name with its row, the bytes that change when the file does.

A row is (mode, size, mtime, ctime, inode): whatever writes to a file moves its ctime, which nobody can set. The rows of
a directory and one digest over them and the names are what a `Memory` keeps of it.

A ctime says less than it seems to when it is young: a file that is changed again within the same tick of the file
system's clock keeps it. So rows that are younger than a margin before the look are `BLANK`: they equal no row.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import filterfalse, starmap
from operator import attrgetter
from typing import NamedTuple

from store.ids import digest
from store.records import clamped

ROW = struct.Struct("<IQqqQ")
BLANK = bytes(ROW.size)
DIRECTORY = ROW.pack(stat.S_IFDIR, 0, 0, 0, 0)
"""The row of every directory: what is in it is looked at in its own right."""
TICK_NS, COARSE_TICK_NS = 20_000_000, 2_000_000_000
"""Margins: two ticks of the slowest kernel clock, and what file systems that keep whole seconds may round by."""
SECOND_NS = 1_000_000_000
AT_ONCE = 1024
"""Names to look at before Python sees to signals: Ctrl-C does not wait for a whole directory on a slow disk."""
NO_DISK = 0
"""The major number of the device of a file system that has none of its own."""
_SAID = attrgetter("st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")
_KIND, _KIND_BITS, _IS_DIRECTORY = 1, stat.S_IFMT(0xFFFF) >> 8, stat.S_IFDIR >> 8
"""Where a row says what kind of file it is, and what it says there of directories."""
_CTIME = struct.Struct("<20xq8x")


@dataclass(frozen=True, slots=True)
class Row:
    """A row, taken apart."""

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Listing(NamedTuple):
    """The names of a directory and their rows, in the order of the names."""

    names: list[bytes]
    rows: list[bytes]
    failed: list[tuple[bytes, OSError]]
    """Names that could not be looked at."""
    young: set[bytes]
    """The rows that may stay the same although the file changes."""

    def digest(self) -> bytes:
        """One digest over names and rows."""
        return digest(b"/".join(self.names), b"".join(self.rows))


def scan(descriptor: int, skip: Callable[[bytes], bool] | None, now_ns: int) -> Listing:
    """Look at every name of the open directory but those that `skip` holds for, at `now_ns`. Raises OSError.

    This is most of what it takes to see that nothing has changed. So as long as nothing is wrong with any name, no step
    of Python's is taken for a single one: a loop over the same calls took half as much again.
    """
    # All in one go, since no name has a slash; an empty directory gives one that is empty.
    names = os.fsencode("/".join(os.listdir(descriptor))).split(b"/")
    names = sorted(filterfalse(skip, filter(None, names)) if skip is not None else filter(None, names))
    look = partial(os.stat, dir_fd=descriptor, follow_symlinks=False)
    failed: list[tuple[bytes, OSError]] = []
    rows: list[bytes] = []
    try:
        for at in range(0, len(names), AT_ONCE):
            rows += starmap(ROW.pack, map(_SAID, map(look, names[at : at + AT_ONCE])))
    except (OSError, struct.error):
        names, rows, failed = _looked_at(names, look)
    rows = [DIRECTORY if row[_KIND] & _KIND_BITS == _IS_DIRECTORY else row for row in rows]
    young: set[bytes] = set()
    if rows and max(_CTIME.iter_unpack(b"".join(rows)))[0] > now_ns - COARSE_TICK_NS:
        young = {row for row in rows if row != DIRECTORY and not settled(row, now_ns)}
    return Listing(names, rows, failed, young)


def _looked_at(
    names: list[bytes], look: Callable[[bytes], os.stat_result]
) -> tuple[list[bytes], list[bytes], list[tuple[bytes, OSError]]]:
    """Those of the `names` that can be looked at, with their rows; and those that cannot."""
    rows: dict[bytes, bytes] = {}
    failed: list[tuple[bytes, OSError]] = []
    for name in names:
        try:
            rows[name] = row_of(look(name))
        except OSError as error:
            failed.append((name, error))
    return list(rows), list(rows.values()), failed


def row_of(status: os.stat_result) -> bytes:
    """The row of a file with this status."""
    try:
        return ROW.pack(status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    except struct.error:  # years before 1678 or beyond 2262, which some file systems know
        mtime, ctime = clamped(status.st_mtime_ns), clamped(status.st_ctime_ns)
        return ROW.pack(status.st_mode, status.st_size, mtime, ctime, status.st_ino)


def read_row(row: bytes) -> Row:
    """A row, taken apart."""
    return Row(*ROW.unpack(row))


def settled(row: bytes, now_ns: int) -> bool:
    """Whether a file with this row, looked at at `now_ns`, cannot change any more without changing the row."""
    ctime_ns = ROW.unpack(row)[3]
    # A fraction of a second shows that the file system keeps such.
    return bool(ctime_ns < now_ns - (TICK_NS if ctime_ns % SECOND_NS else COARSE_TICK_NS))
