"""Room on the disk for LMDB's table of readers, before LMDB maps it.

LMDB truncates `lock.mdb` to its size, which makes a hole, and writes through a map of it: on a full disk the first
touch of the hole ends the process with SIGBUS (seen on tmpfs). A file that was allocated before has no holes.

Only a file that is not there yet is made here. Closing any descriptor of one that LMDB of this process has open would
drop its locks, as POSIX locks belong to the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_fallocate = ctypes.CDLL(None, use_errno=True).fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
# Not os.posix_fallocate: where a file system lacks the call, the C library imitates it by writing to every block.


def reserve(path: Path, size: int) -> None:
    """Make `path` with `size` bytes of zeros that are all allocated, unless it is there.

    Raises OSError when the disk is full; then it is not there. What else goes wrong is left for LMDB to say.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        if _fallocate(descriptor, 0, 0, size) and ctypes.get_errno() in (errno.ENOSPC, errno.EDQUOT):
            os.unlink(path)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
