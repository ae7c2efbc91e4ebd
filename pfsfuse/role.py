"""What only one process may do for a store at a time: schedule, and keep services.

Who plays a role holds an exclusive lock on `<store>/run/<role>.lock`. The kernel drops it with the process, however it
died, so a role that can be taken is played by nobody.
"""

from __future__ import annotations

import fcntl
import os
from enum import StrEnum
from pathlib import Path
from typing import Self


class Role(StrEnum):
    """The roles; each value is the name of its lock."""

    SCHEDULER = "scheduler"
    SERVICES = "services"


class RoleLock:
    """The right to play `role` for a store: `acquire_nowait` asks for it, `close` gives it back. A context manager."""

    def __init__(self, store_path: Path, role: Role) -> None:
        path = _path(store_path, role)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire_nowait(self) -> bool:
        """Take the lock unless another process has it. True as well when it is ours already."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give the lock back; again has no effect."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def is_played(store_path: Path, role: Role) -> bool:
    """Whether some process plays `role` for this store now."""
    try:
        descriptor = os.open(_path(store_path, role), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: those who ask do not see each other
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _path(store_path: Path, role: Role) -> Path:
    return store_path / "run" / f"{role}.lock"
