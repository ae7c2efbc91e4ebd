"""Threads for answers that wait for the disk.

A thread fetches and answers by itself: going back through the event loop would cost more than a chunk does. So
what a thread is given must be immutable and must touch nothing of the loop's.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

Work: TypeAlias = Callable[[], None]


class Fetchers:
    """`count` threads, started with the first work; `close` ends them after what they have been given."""

    def __init__(self, count: int, name: str = "fetcher") -> None:
        self._count, self._name = count, name
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def put(self, work: Work) -> None:
        """Have a thread call `work`, which must not raise."""
        if not self._threads:
            for _ in range(self._count):
                thread = Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._threads.append(thread)
        self._queue.put(work)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()

    def close(self) -> None:
        """Return when all that was put is done. Nothing may be put afterwards."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
