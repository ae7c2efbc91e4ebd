"""An entry as a tar archive: the same commit gives the same bytes, on every machine and at any time.

What could differ is left out or fixed: names come in the order of paths, owners are 0 without a name, mtimes are those
of the entries, to the nanosecond. The format is pax, which GNU tar and bsdtar read; where a plain ustar header says it
all, there is nothing else. Setuid, setgid and extended attributes are left out.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from typing import BinaryIO

from store.records import Entry
from store.transfer.host import safe_mode
from store.trees import Trees

BLOCK = 4 << 20
"""Bytes of a file in memory at a time."""
NS = 1_000_000_000
LAST_SECOND = 8**11 - 1
"""The last that a ustar header can say."""


def write_tar(
    trees: Trees,
    entry: Entry,
    stream: BinaryIO,
    *,
    progress: Callable[[int, int], None] = lambda files, size: None,
) -> None:
    """Write what is below the directory `entry`, or the one file or symlink, to `stream`. Raises OSError, Corrupt.

    `progress` is told how many files, and how many bytes of them, more are done.
    """
    total = 0
    for path, below in trees.walk(entry) if entry.is_dir else [(entry.name, entry)]:
        total += stream.write(header(path, below))
        if below.is_file:
            for offset in range(0, below.size, BLOCK):
                block = trees.fetch(trees.extents(below, offset, BLOCK))
                total += stream.write(block)
                progress(0, len(block))
            total += stream.write(bytes(-below.size % tarfile.BLOCKSIZE))
        progress(0 if below.is_dir else 1, 0)
    end = 2 * tarfile.BLOCKSIZE
    stream.write(bytes(end + -(total + end) % tarfile.RECORDSIZE))


def header(path: bytes, entry: Entry) -> bytes:
    """The header blocks of one member."""
    info = tarfile.TarInfo(path.decode("utf-8", "surrogateescape"))
    info.mode = safe_mode(entry.mode)
    seconds, rest = divmod(entry.mtime_ns, NS)
    info.mtime = min(max(seconds, 0), LAST_SECOND)
    if rest or info.mtime != seconds:
        info.pax_headers = {"mtime": decimal(entry.mtime_ns)}
    if entry.is_dir:
        info.type = tarfile.DIRTYPE
    elif entry.is_symlink:
        info.type = tarfile.SYMTYPE
        info.linkname = (entry.target or b"").decode("utf-8", "surrogateescape")
    else:
        info.size = entry.size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def decimal(ns: int) -> str:
    """Nanoseconds as seconds, without an error of rounding: `1469966400.000000001`."""
    seconds, rest = divmod(abs(ns), NS)
    return f"{'-' if ns < 0 else ''}{seconds}.{rest:09d}"
