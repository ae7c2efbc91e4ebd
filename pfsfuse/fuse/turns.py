"""Requests that cannot be carried out yet: each has its turn when what it waits for is over, in the order in which they
came, and nothing that comes later overtakes one of them.

    asked ──► Busy ──► joins the Queue of what is going on ──► asked again at its end, before anything else is
          └─► TakesLong ──► begun at once, so that whatever else is asked of that file is Busy; a thread does it; then
                            this request is asked again, and after it those that waited

While something long is done to one file, requests about all others are answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import trio

from pfsfuse.vfs.branches import Busy, TakesLong

R = TypeVar("R")


class _Asked(Protocol):
    def ask(self) -> None: ...


class Queue:
    """Those who wait for one thing that is going on."""

    def __init__(self) -> None:
        self._waiting: deque[_Asked] = deque()

    def join(self, request: _Asked) -> None:
        """Wait behind those who do so already."""
        self._waiting.append(request)

    def end(self) -> None:
        """It is over: ask all who wait."""
        while self._waiting:
            self._waiting.popleft().ask()

    async def wait(self) -> None:
        """Return when it is over; others may have changed something by then."""
        await Request(lambda: None, self.join).answer()


class Request(Generic[R]):
    """One request that could not be carried out when it came."""

    def __init__(self, work: Callable[[], R], join: Callable[[_Asked], None] | TakesLong) -> None:
        """`work` carries it out, or raises Busy or TakesLong once more. It waits where `join` says, or for
        something long that begins now.
        """
        self._work: Callable[[], R] | None = work
        self._due = trio.Event()
        self._result: Callable[[], R] | None = None
        self._long: tuple[TakesLong, Queue] | None = None
        if isinstance(join, TakesLong):
            self._begin(join)
        else:
            join(self)

    def ask(self) -> None:
        """It is this request's turn."""
        if self._work is None:
            return
        try:
            found = self._work()
        except Busy as busy:
            busy.queue.join(self)
        except TakesLong as long:
            self._begin(long)
        except Exception as error:  # noqa: BLE001 - raised again where the answer is awaited
            self._end(_raising(error))
        else:
            self._end(lambda: found)

    def _begin(self, long: TakesLong) -> None:
        self._long = long, Queue()
        long.branch.slow[long.number] = self._long[1]
        self._due.set()

    def _end(self, result: Callable[[], R]) -> None:
        self._result = result
        self._due.set()

    async def answer(self, limiter: trio.CapacityLimiter | None = None) -> R:
        """What `work` gives or raises in the end; what takes long is done by one of the threads that `limiter` admits.

        Where that fails, so does the request for which it was done. Given up, the request is not asked again.
        """
        try:
            while self._result is None:
                await self._due.wait()
                if self._long is not None:
                    (long, queue), self._long, self._due = self._long, None, trio.Event()
                    await self._carry_out(long, queue, limiter)
            return self._result()
        finally:
            self._work = None
            if self._long is not None:  # given up before it was begun
                long, queue = self._long
                _finish(long)
                queue.end()

    async def _carry_out(self, long: TakesLong, queue: Queue, limiter: trio.CapacityLimiter | None) -> None:
        try:
            try:
                # Not given up half-way: the file's bytes are in use until it ends.
                await trio.to_thread.run_sync(long.slow.work, limiter=limiter)
            finally:
                _finish(long)
        except BaseException as error:
            if not isinstance(error, Exception):
                self._work = None
                queue.end()
                raise
            self._end(_raising(error))
        else:
            if long.slow.all_of_it:
                self._work = _nothing
            self.ask()
        queue.end()


def _finish(long: TakesLong) -> None:
    del long.branch.slow[long.number]
    long.slow.end()


def _nothing() -> Any:
    """The answer to a request that was carried out."""


def _raising(error: Exception) -> Callable[[], Any]:
    def result() -> Any:
        raise error

    return result
