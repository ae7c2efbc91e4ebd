"""Workers on this host: started when there is work for them, reused while they live, replaced when they
die."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from msgspec.structs import replace

from pfsfuse.errors import JobError
from pfsfuse.worker import logfile
from pfsfuse.worker.api import Outcome, Task
from pfsfuse.worker.debris import sweep
from pfsfuse.worker.handle import Worker, WorkerDied
from pfsfuse.worker.image import Image, open_image, remove_unused
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
        self._unpacking = trio.Lock()
        self._images: dict[str, tuple[Image, str]] = {}
        """By name, each with the job that asked last: a name may mean another image by the next job."""

    @property
    def slots(self) -> int:
        return self._slots

    async def run(self, task: Task) -> Outcome:
        """Compute `task`, again on a new worker when the old one dies under it. Raises JobError when no
        worker can be had at all."""
        async with self._turn:
            if task.launch.image:
                try:
                    task = await self._in_image(task)
                except JobError as error:
                    why = f"datum {task.datum[:8]}: {error}" + (f" ({error.hint()})" if error.hint() else "")
                    return Outcome(datum=task.datum, state="failed", reason=why)
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

    async def _in_image(self, task: Task) -> Task:
        """The task with its image unpacked. Raises JobError."""
        name, job = task.launch.image, task.job
        async with self._unpacking:  # one at a time; whoever waited finds it done
            if self._images.get(name, (None, ""))[1] != job:
                where, still = images(self._store_path), trio.from_thread.check_cancelled
                opened = await trio.to_thread.run_sync(open_image, where, name, still)
                self._images[name] = opened, job
            image, _ = self._images[name]
        launch = replace(
            task.launch,
            root=str(image.root),
            env={**image.env, **task.launch.env},
            working_dir=task.launch.working_dir or image.working_dir,
        )
        return replace(task, launch=launch)

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
                sweep(self._store_path / "scratch")  # what it was about to remove, too

    async def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.aclose()
        return await Worker.start(self._store_path)


def images(store_path: Path) -> Path:
    """Where unpacked images lie."""
    return store_path / "scratch" / "images"


@asynccontextmanager
async def open_local_executor(store_path: Path, slots: int | None = None) -> AsyncIterator[LocalExecutor]:
    """An executor for the store at `store_path`, by default with a slot for each core this process may use.

    Its workers end with it. What dead workers have left in the store's scratch is cleared away first.
    """
    remove_stale(store_path)
    await trio.to_thread.run_sync(remove_unused, images(store_path))
    executor = LocalExecutor(store_path, slots or len(os.sched_getaffinity(0)))
    try:
        yield executor
    finally:
        await executor.aclose()
