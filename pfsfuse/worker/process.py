"""The life of a worker process: mount the view, say so, do what the lines on its input ask, end with them.

The mount itself belongs to a higher layer, so it comes in as `serve`.

If you add an `await` here: `Desk.take` must stay without one. A Stop is looked up among what runs in the same
breath in which it was read, so it cannot overtake the launch that it is about.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import trio

from pfsfuse.vfs import JobViews, Vfs
from pfsfuse.worker import namespace, sandbox
from pfsfuse.worker.api import Ended, Launch, Task
from pfsfuse.worker.compute import compute
from pfsfuse.worker.lines import LineReader
from pfsfuse.worker.protocol import Ready, Report, Started, Stop, decode_request, encode
from pfsfuse.worker.rooms import Rooms
from pfsfuse.worker.runner import Runner, Stopper
from store import Store, StoreError


class Serve(Protocol):
    """Mounts `vfs`, calls `task_status.started()` when the mount answers, serves until cancelled."""

    async def __call__(self, vfs: Vfs, mountpoint: Path, *, task_status: trio.TaskStatus[Any]) -> None: ...


async def work(store: Store, directory: Path, serve: Serve, *, requests: int, reports: int) -> None:
    """Take requests from one file descriptor and report to another, until the requests end.

    `directory` is made for this worker; its rooms are gone afterwards and nothing that ran in them is alive.
    Raises JobError when commands cannot be sandboxed here.
    """
    surveyed = sandbox.survey(store.path, namespace.pfs_mounts())
    kind = sandbox.choose(surveyed)
    rooms = Rooms(directory)
    views = JobViews(store)
    lines = LineReader(trio.lowlevel.FdStream(requests))
    async with AsyncExitStack() as stack:
        host = stack.enter_context(sandbox.open_root(kind, surveyed, directory))
        stream = await stack.enter_async_context(trio.lowlevel.FdStream(reports))
        nursery = await stack.enter_async_context(trio.open_nursery())
        await nursery.start(partial(serve, Vfs(views), rooms.mountpoint))
        async with trio.open_nursery() as running:
            desk = Desk(store, Runner(store, views, rooms, host, kind, running), stream, running)
            await desk.report(Ready(pid=os.getpid(), sandbox=kind))
            while (line := await lines.next_line()) is not None:
                desk.take(line)
            running.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


class Desk:
    """Takes requests, one nursery task for each launch, and writes the reports."""

    def __init__(
        self, store: Store, runner: Runner, stream: trio.abc.SendStream, nursery: trio.Nursery
    ) -> None:
        self._store = store
        self._runner = runner
        self._stream = stream
        self._nursery = nursery
        self._writing = trio.Lock()
        self._running: dict[str, Stopper] = {}

    def take(self, line: bytes) -> None:
        """Act on one request."""
        match decode_request(line):
            case Stop(name=name, grace_seconds=grace):
                if stopper := self._running.get(name):
                    stopper.stop(grace)
            case Launch() as launch:
                self._nursery.start_soon(self._launch, launch, self._stopper(launch.name))
            case Task() as task:
                self._nursery.start_soon(self._compute, task, self._stopper(task.launch.name))

    async def report(self, message: Report) -> None:
        async with self._writing:
            await self._stream.send_all(encode(message))

    def _stopper(self, name: str) -> Stopper:
        self._running[name] = Stopper()
        return self._running[name]

    def _started(self, name: str, pid: int) -> None:
        self._nursery.start_soon(self.report, Started(name=name, pid=pid))

    async def _launch(self, launch: Launch, stopper: Stopper) -> None:
        try:
            async with self._runner.open_room(launch) as room:
                ended = await self._runner.run(
                    launch, room, stopper, lambda pid: self._started(launch.name, pid)
                )
        except (StoreError, OSError) as error:  # an input that is gone, a directory that cannot be made
            ended = Ended(name=launch.name, exit_code=None, reason=str(error))
        del self._running[launch.name]
        await self.report(ended)

    async def _compute(self, task: Task, stopper: Stopper) -> None:
        outcome = await compute(task, self._runner, self._store, stopper)
        del self._running[task.launch.name]
        await self.report(outcome)
