"""Who supervises the services of a store: the one process that holds `<store>/run/services.lock`.

The kernel drops the lock with the process that held it, however it died, so a lock that can be taken means
that no service of this store is running.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK = Path("run/services.lock")


class ServicesLock:
    """The right to start, stop and report services; held from `acquire_nowait` until closed."""

    def __init__(self, store_path: Path) -> None:
        self._path = store_path / LOCK
        self._fd: int | None = None

    def acquire_nowait(self) -> bool:
        """Take it if nobody holds it; False when somebody does."""
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()


def is_supervised(store_path: Path) -> bool:
    """Does a running process look after the services of this store?"""
    try:
        fd = os.open(store_path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared: two commands that ask at the same time do not take each other for the supervisor.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
