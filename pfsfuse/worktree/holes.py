"""Whether the file system beneath tells what was written from what never was.

Scratch files rest on it. Where the answer is no, a hole would have to be taken for data, and reads as zeros in place of
what the store has: on a tmpfs with huge pages a write of 4 KiB makes 2 MiB of data (seen), on ZFS a whole record; NFS
before 4.2 and 9p know no holes; ZFS, compressing, makes holes of zeros that were written.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from pfsfuse.worktree.ranges import Range

BLOCK = 4096
"""Bytes that become a scratch file's own together; what file systems allocate, or a divisor of it."""
SPAN = 1 << 23
"""Bytes of the file that is tried: several of the largest units that are known."""


def data_of(descriptor: int) -> list[Range]:
    """Where a file has data rather than holes, in whole blocks."""
    found, at, size = [], 0, os.fstat(descriptor).st_size
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        found.append((start // BLOCK * BLOCK, -(-at // BLOCK) * BLOCK))
    return found


def are_told(directory: Path) -> bool:
    """Try it in `directory`: a block of zeros and one of something else are data, synced or not, and nothing more is.

    Raises OSError when nothing can be written there.
    """
    blocks = {SPAN // 4 + BLOCK: b"\1" * BLOCK, SPAN // 2 + 5 * BLOCK: bytes(BLOCK)}
    with tempfile.TemporaryFile(dir=directory) as tried:
        descriptor = tried.fileno()
        os.ftruncate(descriptor, SPAN)
        for offset, data in blocks.items():
            os.pwrite(descriptor, data, offset)
        before = data_of(descriptor)
        os.fsync(descriptor)
        return before == data_of(descriptor) == [(offset, offset + BLOCK) for offset in blocks]
