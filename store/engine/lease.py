"""Who is at work on objects that nothing refers to yet: the lock between edits and the sweep of garbage.

An edit writes objects long before a commit refers to them, and relies on others that it found there. To a collector
both look like garbage. So every edit holds the file `gc.lock` shared (flock) from its beginning to its end, and the
sweep drops objects only while it holds it alone. The kernel lets go of the lock when a process ends in whatever way.

A tree that was saved but is neither pinned nor committed yet is still at risk, so an edit's lease outlives it until
this process has referred to something: `settle`. And the file holds a number that every sweep raises: whoever opened
the store before that may have entries in hand of which the objects are gone, and has to look before it refers to them
(`presence.py`). The argument as a whole is in `store/gc.md`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from store.errors import InUse

FILE = "gc.lock"
POLL_SECONDS = 0.02
"""Between two tries for the whole lock: flock can wait, but not for a limited time without a signal."""


class Leases:
    """The leases of one process on one store. Safe to use from threads."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._mutex = (
            threading.RLock()
        )  # re-entered when an edit is let go of by the garbage collector of Python
        self._descriptor: int | None = None
        self._held = self._lingering = 0
        self.forks = 0
        """How many forks lie between the process that these leases began in and this one."""

    def take(self) -> Lease:
        """A lease. Waits while a sweep drops objects: milliseconds, in a large store seconds."""
        with self._mutex:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if self._held == 0:
                fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            self._held += 1
        return Lease(self)

    def settle(self) -> None:
        """Something was pinned or committed: leases that were kept for saved trees end."""
        with self._mutex:
            lingering, self._lingering = self._lingering, 0
            self._end(lingering)

    def give_back(self, *, linger: bool) -> None:
        """End one lease, or keep it until `settle`."""
        with self._mutex:
            if linger:
                self._lingering += 1
            else:
                self._end(1)

    def _end(self, count: int) -> None:
        if count and self._descriptor is not None:
            self._held -= count
            if self._held == 0:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of everything."""
        with self._mutex:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor, self._held, self._lingering = None, 0, 0

    def forget(self) -> None:
        """To be called in the child of a fork: what was held is the parent's, and stays with it."""
        self._mutex = threading.RLock()
        self.forks += 1
        self.close()  # the parent's descriptor of the same lock keeps it

    @contextlib.contextmanager
    def alone(self, patience_seconds: float) -> Iterator[None]:
        """Hold the lock alone: no edit of any process is at work, and none begins.

        Raises InUse when edits are still at work after `patience_seconds`; an edit of this process counts too.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = time.monotonic() + patience_seconds
            while not _try_alone(descriptor):
                if time.monotonic() >= until:
                    raise InUse(
                        "edits are being made in this store, and what they have written must not be collected"
                    )
                time.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def sweeps(self) -> int:
        """How many sweeps have begun to drop objects."""
        try:
            return int.from_bytes(self._path.read_bytes()[:8], "big")
        except FileNotFoundError:
            return 0

    def count_sweep(self) -> None:
        """Raise the number. To be called while the store's write transaction is open that drops them, at its end: then
        whoever opens the store later has seen nothing of what is dropped, and whoever writes later sees the number.
        """
        raised = self.sweeps() + 1
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, raised.to_bytes(8, "big"), 0)
        finally:
            os.close(descriptor)


class Lease:
    """One edit's share of the lock."""

    def __init__(self, leases: Leases) -> None:
        self._leases: Leases | None = leases
        self._forks = leases.forks

    def check(self) -> None:
        """Raise InUse in the child of a fork, to which the lease does not belong."""
        if self._leases is not None and self._leases.forks != self._forks:
            raise InUse("an edit does not go through a fork; begin it in the process that makes it")

    def release(self, *, linger: bool = False) -> None:
        """End it; once is enough, more does no harm. `linger`: when something was saved that nothing refers to yet."""
        leases, self._leases = self._leases, None
        if leases is not None and leases.forks == self._forks:
            leases.give_back(linger=linger)


def _try_alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
