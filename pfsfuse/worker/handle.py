"""A worker as its parent holds it: a process, two pipes, and one line of JSON per message.

    async with open_worker(store_path) as worker:
        ended = await worker.launch(launch)          # a service; `await worker.stop(name, 10)` from elsewhere
        outcome = await worker.compute(task)         # a datum

A worker runs as many launches at once as it is given, under different names. `WorkerDied` says that the
process is gone and took its launches with it; what it was doing may simply be given to another one.

There is no task in the background: whoever waits for a report reads reports, one at a time under a fair lock,
and leaves those that are for others where they find them.

To be used from the main thread: the kernel kills a worker when the *thread* that started it ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import trio

from pfsfuse.errors import JobError
from pfsfuse.worker.api import Ended, Launch, Outcome, Task
from pfsfuse.worker.debris import PATIENCE_SECONDS, Debris
from pfsfuse.worker.lines import LineReader
from pfsfuse.worker.protocol import Broken, Ready, Report, Request, Started, Stop, decode_report, encode
from pfsfuse.worker.rooms import worker_directory

PROGRAM = "pfsfuse.workerd"
"""The module that is run; it sits above this layer because it brings the mount along."""

STOP_SECONDS = 10.0
"""How long a worker may take to end a cancelled launch, or itself, before it is killed."""


class WorkerDied(Exception):
    """The worker process ended without being asked to."""

    def __init__(self, pid: int, status: int) -> None:
        super().__init__(f"worker {pid} died ({'signal' if status < 0 else 'status'} {abs(status)})")


class Worker:
    """A running worker process. Get one from `open_worker` or `Worker.start`, which must be paired with
    `aclose`."""

    def __init__(self, store_path: Path) -> None:
        """Start the process; it is of use once `start` has heard that it is ready."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, str(store_path), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,  # Ctrl-C in a terminal is for the parent, which ends its workers in order
        )
        assert self._process.stdin is not None and self._process.stdout is not None  # both are pipes
        self.pid = self._process.pid
        self._directory = worker_directory(store_path, self.pid)
        self._requests = trio.lowlevel.FdStream(os.dup(self._process.stdin.fileno()))
        self._reports = trio.lowlevel.FdStream(os.dup(self._process.stdout.fileno()))
        self._process.stdin.close()
        self._process.stdout.close()
        self._lines = LineReader(self._reports)
        self._reading = trio.Lock()
        self._writing = trio.Lock()
        self._mail: dict[str, list[Report]] = {}
        """Reports read and not yet taken, by the name of the launch ("" for the worker's own)."""
        self.sandbox = ""
        """What runs the commands: "bubblewrap" or "unshare"."""

    @classmethod
    async def start(cls, store_path: Path) -> Self:
        """A worker that is ready. Raises JobError when there can be none here, WorkerDied when it ends at
        once."""
        try:
            worker = cls(store_path)
        except OSError as error:  # no process, no memory, no descriptor is to be had
            raise JobError(f"a worker cannot be started: {error}") from None
        try:
            report = await worker._next("", (Ready, Broken))
        except BaseException:
            with trio.CancelScope(shield=True):
                await worker.aclose()
            raise
        if isinstance(report, Broken):
            await worker.aclose()
            raise JobError(report.reason, hint=report.hint)
        assert isinstance(report, Ready)
        worker.sandbox = report.sandbox
        return worker

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    async def launch(
        self, launch: Launch, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
    ) -> Ended:
        """Run a command until it ends; `started` gives the pid of the sandbox around it on the host.

        Cancelling kills the command, and returns when it is dead. Raises WorkerDied.
        """
        async with self._asked(launch, launch.name):
            report = await self._next(launch.name, (Started, Ended))
            if isinstance(report, Started):
                task_status.started(report.pid)
                report = await self._next(launch.name, (Ended,))
            elif isinstance(report, Ended):
                task_status.started(0)
        assert isinstance(report, Ended)
        return report

    async def compute(self, task: Task) -> Outcome:
        """Compute a datum. Cancelling kills its command. Raises WorkerDied."""
        async with self._asked(task, task.launch.name):
            report = await self._next(task.launch.name, (Outcome,))
        assert isinstance(report, Outcome)
        return report

    async def stop(self, name: str, grace_seconds: float) -> None:
        """Ask the launch called `name` to end (SIGTERM), kill it after the grace. `launch` returns when it
        has."""
        await self._send(Stop(name=name, grace_seconds=grace_seconds))

    async def aclose(self) -> None:
        """End the worker and everything it runs, and put its directory out of the way."""
        with trio.CancelScope(shield=True):
            await self._requests.aclose()  # the worker reads the end of input, and ends
            with trio.move_on_after(STOP_SECONDS):
                await self._wait_end()
            self._process.kill()
            await self._wait_end()
            await self._reports.aclose()
            with trio.move_on_after(
                PATIENCE_SECONDS
            ):  # also on a full disk: whoever needs the space waits for it
                await Debris(self._directory.parent).remove(self._directory)

    @asynccontextmanager
    async def _asked(self, request: Launch | Task, name: str) -> AsyncIterator[None]:
        """Make a request and take its reports; if we are cancelled meanwhile, have it ended first."""
        await self._send(request)
        try:
            yield
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await self._end(name)
            raise
        finally:
            self._mail.pop(name, None)

    async def _end(self, name: str) -> None:
        with trio.move_on_after(STOP_SECONDS) as patience:
            try:
                await self.stop(name, 0.0)
                await self._next(name, (Ended, Outcome))
            except WorkerDied:
                return
        if patience.cancelled_caught:
            self._process.kill()
            await self._wait_end()

    async def _send(self, request: Request) -> None:
        try:
            async with self._writing:
                await self._requests.send_all(encode(request))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise await self._death() from None

    async def _next(self, name: str, kinds: tuple[type, ...]) -> Report:
        """The next report for `name` of one of these kinds; others for `name` are dropped."""
        while True:
            async with self._reading:
                mail = self._mail.setdefault(name, [])
                while mail:
                    if isinstance(report := mail.pop(0), kinds):
                        return report
                line = await self._lines.next_line()
                if line is None:
                    raise await self._death()
                report = decode_report(line)
                self._mail.setdefault(_addressee(report), []).append(report)

    async def _death(self) -> WorkerDied:
        """It no longer answers, so it ends or has ended; wait for that, so that it can say why on stderr."""
        with trio.move_on_after(STOP_SECONDS):
            await self._wait_end()
        self._process.kill()
        await self._wait_end()
        return WorkerDied(self.pid, self._process.returncode)

    async def _wait_end(self) -> None:
        if self._process.poll() is None:
            pidfd = os.pidfd_open(self.pid)
            try:
                await trio.lowlevel.wait_readable(pidfd)
            finally:
                os.close(pidfd)
            self._process.wait()


@asynccontextmanager
async def open_worker(store_path: Path) -> AsyncIterator[Worker]:
    """A ready worker, ended with everything it runs when the context ends."""
    worker = await Worker.start(store_path)
    try:
        yield worker
    finally:
        await worker.aclose()


def _addressee(report: Report) -> str:
    match report:
        case Outcome(datum=datum):
            return datum
        case Ended(name=name) | Started(name=name):
            return name
    return ""
