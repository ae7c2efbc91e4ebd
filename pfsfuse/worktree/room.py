"""fallocate(2), which Python has without its flags only."""

from __future__ import annotations

import ctypes
import errno
import os

KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
KNOWN = {0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE, ZERO_RANGE | KEEP_SIZE}
"""What a file of a working tree can be asked. Ranges cannot be taken out or put in between (FALLOC_FL_COLLAPSE_RANGE,
FALLOC_FL_INSERT_RANGE): the kernel does not pass these on to a file system like ours, and refuses them itself."""

_fallocate = ctypes.CDLL(None, use_errno=True).fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong)


def fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    """Raises OSError: ENOSPC; EOPNOTSUPP for what the file system beneath cannot do."""
    while _fallocate(descriptor, mode, offset, length):
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
