"""Many tasks, few slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import trio

from pfsfuse.worker.api import Executor, Outcome, Task


async def drain(
    sets: Iterable[Sequence[Task]],
    executor: Executor,
    record: Callable[[Outcome], None],
    *,
    at_most: int | None = None,
) -> None:
    """Run every task, at most `at_most` (and `executor.slots`) at once; record outcomes as they come.

    A set is drawn only when a slot is free, which then runs its tasks one after another. Returns once the last
    outcome is recorded. If anything fails, what is running is cancelled and the failure propagates in an exception
    group: nothing outlives this call.

    If you add an `await` here: between drawing a set and running it there must be none, and `record` never
    waits, so the iterator and the records need no lock.
    """
    todo = iter(sets)

    async def slot() -> None:
        for tasks in todo:
            for task in tasks:
                record(await executor.run(task))

    async with trio.open_nursery() as nursery:
        for _ in range(min(executor.slots, at_most or executor.slots)):
            nursery.start_soon(slot)
