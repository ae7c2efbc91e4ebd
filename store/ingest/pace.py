"""Whether small files are at hand, so that one thread reads them faster than several that wait for Python's lock.

Files in the page cache take four short calls of the kernel each, and with several threads at them each call ends in a
queue for the lock: 100,000 files took 4,000 changes of thread, and an eighth more of the processor, than in one. Files
that have to come from a disk or over a network are the opposite: whoever asks for several at once waits once. So one
thread reads, and the kernel says how often it had to wait; not for how long, since on a busy machine it is others who
take the time.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

FEW = 8
"""Of so many files at hand, one may have to be waited for."""
PATIENCE = 16
"""Windows that are left to threads before one thread tries again."""


class Pace:
    """What the last looks have shown."""

    def __init__(self) -> None:
        self._to_threads = 0

    def is_prompt(self) -> bool:
        """Whether the next window is to be read by the thread that asks."""
        self._to_threads = max(0, self._to_threads - 1)
        return not self._to_threads

    @contextmanager
    def watching(self, files: int) -> Iterator[None]:
        """A window of so many `files` is read in the block."""
        before = _waits()
        yield
        self.note(files, _waits() - before)

    def note(self, files: int, waits: int) -> None:
        """This thread has waited so often for a window of so many files."""
        if waits > 1 + files // FEW:
            self._to_threads = PATIENCE + 1


def _waits() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
