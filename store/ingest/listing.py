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
import sys
from collections.abc import Callable
from dataclasses import dataclass

from store.ids import digest
from store.records import clamped

ROW = struct.Struct("<IQqqQ")
BLANK = bytes(ROW.size)
DIRECTORY = ROW.pack(stat.S_IFDIR, 0, 0, 0, 0)
"""The row of every directory: what is in it is looked at in its own right."""
TICK_NS, COARSE_TICK_NS = 20_000_000, 2_000_000_000
"""Margins: two ticks of the slowest kernel clock, and what file systems that keep whole seconds may round by."""
SECOND_NS = 1_000_000_000
NO_DISK = 0
"""The major number of the device of a file system that has none of its own."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row, taken apart."""

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The names of a directory and their rows."""

    items: list[tuple[bytes, bytes]]
    """(name, row) in the order of the names."""
    failed: list[tuple[bytes, OSError]]
    """Names that could not be looked at."""
    young: set[bytes]
    """The rows that may stay the same although the file changes."""
    empty: set[bytes]
    """The names of files that hold nothing, for certain: those on a disk. What /proc and the like say of a file's size
    is worth nothing."""


def scan(descriptor: int, skip: Callable[[bytes], bool] | None, now_ns: int) -> Listing:
    """Look at every name of the open directory but those that `skip` holds for, at `now_ns`. Raises OSError.

    About 3 µs a name, which is most of what it takes to see that nothing has changed: so all is said in one loop.
    """
    items: dict[bytes, bytes] = {}
    failed: list[tuple[bytes, OSError]] = []
    young: set[bytes] = set()
    empty: set[bytes] = set()
    device, is_disk = -1, False
    pack, directory, coding, recent = (
        ROW.pack,
        stat.S_ISDIR,
        sys.getfilesystemencoding(),
        now_ns - COARSE_TICK_NS,
    )
    with os.scandir(descriptor) as found:
        for item in found:
            name = item.name.encode(coding, "surrogateescape")
            if skip is not None and skip(name):
                continue
            try:
                status = item.stat(follow_symlinks=False)
            except OSError as error:
                failed.append((name, error))
                continue
            if directory(status.st_mode):
                items[name] = DIRECTORY
                continue
            size, ctime_ns = status.st_size, status.st_ctime_ns
            try:
                row = pack(status.st_mode, size, status.st_mtime_ns, ctime_ns, status.st_ino)
            except struct.error:
                row = row_of(status)
            items[name] = row
            if not size and stat.S_ISREG(status.st_mode):
                if status.st_dev != device:
                    device = status.st_dev
                    is_disk = os.major(device) != NO_DISK
                if is_disk:
                    empty.add(name)
            if ctime_ns > recent and not settled(row, now_ns):
                young.add(row)
    return Listing(sorted(items.items()), failed, young, empty)


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


def digest_of(items: list[tuple[bytes, bytes]]) -> bytes:
    """One digest over names and rows."""
    return digest(b"/".join([name for name, _ in items]), b"".join([row for _, row in items]))
