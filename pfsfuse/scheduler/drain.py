"""Many tasks, few slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from pfsfuse.worker.api import Executor, Outcome, Task


async def drain(
    tasks: Iterable[Task],
    executor: Executor,
    record: Callable[[Outcome], None],
    *,
    at_most: int | None = None,
) -> None:
    """Run every task, at most `at_most` (and `executor.slots`) at once; record outcomes as they come.

    A task is drawn only when a slot is free. Returns once the last outcome is recorded. If anything fails,
    what is running is cancelled and the failure propagates in an exception group: nothing outlives this
    call.

    If you add an `await` here: between drawing a task and running it there must be none, and `record` never
    waits, so the iterator and the records need no lock.
    """
    todo = iter(tasks)

    async def slot() -> None:
        for task in todo:
            record(await executor.run(task))

    async with trio.open_nursery() as nursery:
        for _ in range(min(executor.slots, at_most or executor.slots)):
            nursery.start_soon(slot)
