"""One scheduler for each store: an exclusive lock on `<store>/run/scheduler.lock`, freed by the kernel when
its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self


class SchedulerLock:
    """The right to schedule for a store. `acquire_nowait` asks for it; it is given back by `close`."""

    def __init__(self, store_path: Path) -> None:
        directory = store_path / "run"
        directory.mkdir(mode=0o700, exist_ok=True)
        self._descriptor = os.open(directory / "scheduler.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

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

    def __exit__(self, *_: object) -> None:
        self.close()


def is_scheduled(store_path: Path) -> bool:
    """Whether some process schedules for this store now."""
    try:
        descriptor = os.open(store_path / "run" / "scheduler.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: those who ask do not see each other
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
