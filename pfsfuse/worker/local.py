"""Workers on this host: started when there is work for them, reused while they live, replaced when they
die."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from pfsfuse.worker import logfile
from pfsfuse.worker.api import Outcome, Task
from pfsfuse.worker.handle import Worker, WorkerDied
from pfsfuse.worker.rooms import remove_stale

log = logging.getLogger(__name__)

DEATHS = 3
"""Workers that one datum may outlive. After so many it is the likely cause (it takes all the memory, say)."""


class LocalExecutor:
    """Runs each task in one of at most `slots` worker processes. Made by `open_local_executor`."""

    def __init__(self, store_path: Path, slots: int) -> None:
        self._store_path = store_path
        self._slots = slots
        self._turn = trio.Semaphore(slots)
        self._idle: list[Worker] = []

    @property
    def slots(self) -> int:
        return self._slots

    async def run(self, task: Task) -> Outcome:
        """Compute `task`, again on a new worker when the old one dies under it. Raises JobError when no
        worker can be had at all."""
        async with self._turn:
            for _ in range(DEATHS):
                try:
                    async with self._worker() as worker:
                        return await worker.compute(task)
                except WorkerDied as death:
                    log.warning("%s while computing datum %s of %s", death, task.datum, task.pipeline)
                    logfile.write_line(Path(task.launch.log), str(death))
            return Outcome(
                datum=task.datum,
                state="failed",
                reason=f"datum {task.datum[:8]}: {DEATHS} workers died while computing it",
            )

    async def aclose(self) -> None:
        """End every worker."""
        while self._idle:
            await self._idle.pop().aclose()

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[Worker]:
        """An idle worker, or a new one; idle again afterwards if it is still alive."""
        worker = await self._take()
        try:
            yield worker
        finally:
            if worker.alive:
                self._idle.append(worker)
            else:
                await worker.aclose()

    async def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.aclose()
        return await Worker.start(self._store_path)


@asynccontextmanager
async def open_local_executor(store_path: Path, slots: int | None = None) -> AsyncIterator[LocalExecutor]:
    """An executor for the store at `store_path`, by default with a slot for each core this process may use.

    Its workers end with it. What dead workers have left in the store's scratch is cleared away first.
    """
    await trio.to_thread.run_sync(remove_stale, store_path)
    executor = LocalExecutor(store_path, slots or len(os.sched_getaffinity(0)))
    try:
        yield executor
    finally:
        await executor.aclose()
