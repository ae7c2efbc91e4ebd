"""One service's life: launch it, wait until it answers, watch it, start it again when it dies, end it.

    prepare scratch ─► port free? ─► launch ─► answers ─► watch ──ends──► by itself, with 0      stopped
                          ▲                      │          │        │    asked to               stopped
                          │ wait, a little longer│ ends     └ silent │    otherwise ─► again ──┐
                          │ each time            ▼            (said) │                         │
                          │                    failed                └── too often: failed     │
                          └────────────────────────────────────────────────────────────────────┘

At the end, whichever it is, `out` is committed and the final status written. Only being cancelled leaves the
service unsettled: its processes are killed, its scratch stays, and the next supervisor starts it again.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import trio

from pfsfuse.errors import PfsError, ServiceError
from pfsfuse.service import logtail, output, ports, record, surroundings
from pfsfuse.service.forward import forward
from pfsfuse.service.health import answers
from pfsfuse.service.launching import GRACE_SECONDS, plan_launch
from pfsfuse.service.orders import settle
from pfsfuse.service.record import Order, Status
from pfsfuse.worker.api import Ended, Launch
from pfsfuse.worker.handle import Worker, WorkerDied, open_worker
from store import Store, StoreError

log = logging.getLogger(__name__)

PORT_SECONDS = 15.0
"""A service that a crash cut short may still be going when its successor comes."""
RESTARTS = 5
"""In a row. One that ran for `STEADY_SECONDS` starts counting anew."""
STEADY_SECONDS = 300.0
WATCH_SECONDS = 10.0
"""Between two questions to a service that answered before."""


@dataclass(frozen=True, slots=True)
class Run:
    """How one run of the command ended."""

    reason: str
    """What happened, for people; "" when it ended by itself without an error or was asked to end."""
    answered: bool
    """It had answered by then."""
    seconds: float


class Keeper:
    """Keeps one order running, in a task of its own: `run`."""

    def __init__(self, store: Store, name: str, order: Order) -> None:
        self._store = store
        self._name = name
        self._order = order
        self._log = output.log_path(store.path, name)
        self._stopping = trio.Event()
        self._stop_reason = ""
        self._writing = trio.Lock()
        before = record.status_of(store, name, order)
        self._status = Status(serial=order.serial, state="starting", restarts=before.restarts)
        self._has_answered = before.state == "running" or before.restarts > 0
        """It worked once, perhaps under an earlier daemon: worth starting again when it dies."""

    @property
    def serial(self) -> int:
        """Which order this is about."""
        return self._order.serial

    def stop(self, reason: str = "") -> None:
        """Ask the service to end; `run` returns when it has and what it saved is committed."""
        if not self._stopping.is_set():
            self._stop_reason = reason
            self._stopping.set()

    async def run(self) -> None:
        """Until the service has ended for good. Whatever goes wrong with this one service ends up in its status:
        the others, and the mount, live in the same process."""
        try:
            state, reason = await self._run_again_and_again()
        except Exception as error:  # noqa: BLE001 - what it was is in the status, or in the log if it is a bug
            state, reason = "failed", self._explain(error)
        if self._stopping.is_set():
            state, reason = "stopped", self._stop_reason
        try:
            # In a thread, for it hashes and writes; waited for, whatever happens, since it cannot be interrupted.
            with trio.CancelScope(shield=True):
                end = await trio.to_thread.run_sync(
                    settle, self._store, self._name, self._order, reason, state
                )
        except Exception as error:  # noqa: BLE001 - as above
            await self._report(state="failed", pid=None, reason=self._explain(error))
            log.error("service %s cannot be settled: %s", self._name, self._status.reason)
        else:
            log.info("service %s %s%s", self._name, end.state, f": {end.reason}" if end.reason else "")

    def _explain(self, error: BaseException) -> str:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, PfsError | StoreError | OSError):
            return str(error)
        log.error("service %s", self._name, exc_info=error)
        return f"this is a bug, and the daemon's log has the traceback: {type(error).__name__}: {error}"

    async def _run_again_and_again(self) -> tuple[str, str]:
        """The final state and its reason."""
        top = await trio.to_thread.run_sync(self._prepare)
        failures = 0
        while True:
            run = await self._run_once(top)
            self._has_answered |= run.answered
            failures = 1 if run.seconds >= STEADY_SECONDS else failures + 1
            if self._stopping.is_set() or not run.reason:
                return "stopped", run.reason
            if not self._has_answered or failures > RESTARTS:
                return "failed", run.reason
            await self._report(
                state="starting", pid=None, restarts=self._status.restarts + 1, reason=run.reason
            )
            log.warning("service %s: %s; starting it again", self._name, run.reason)
            with trio.move_on_after(2.0 ** (failures - 1)):
                await self._stopping.wait()
                return "stopped", ""

    def _prepare(self) -> Path:
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        resumed = (output.scratch(self._store.path, self._name) / "out").exists()
        top = output.prepare(self._store, self._name)
        surroundings.configure(top / "home", resumed=resumed)
        return top

    async def _run_once(self, top: Path) -> Run:
        """Launch the command and stay with it until it has ended."""
        await self._wait_for_ports()
        launch = plan_launch(self._store, self._name, self._order, top=top, log=self._log)
        printed, begun = logtail.size(self._log), trio.current_time()
        answered = trio.Event()
        try:
            async with open_worker(self._store.path) as worker:
                await self._report(state="starting", pid=worker.pid, started_ns=time.time_ns())
                ended = await self._attend(worker, launch, answered)
            reason = self._why(ended, since=printed)
        except WorkerDied as error:
            reason = str(error)
        return Run(reason, answered.is_set(), trio.current_time() - begun)

    async def _attend(self, worker: Worker, launch: Launch, answered: trio.Event) -> Ended:
        async def stop_when_asked() -> None:
            await self._stopping.wait()
            await self._report(state="stopping", reason=self._stop_reason)
            with contextlib.suppress(WorkerDied):  # which the launch says, too
                await worker.stop(launch.name, GRACE_SECONDS)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_when_asked)
            nursery.start_soon(self._watch, answered)
            if self._order.internal_port != self._order.external_port:
                nursery.start_soon(forward, self._order.external_port, self._order.internal_port)
            try:
                ended = await worker.launch(launch)
            except WorkerDied as death:
                ended = Ended(name=launch.name, exit_code=None, reason=str(death))
            nursery.cancel_scope.cancel()
        return ended

    async def _watch(self, answered: trio.Event) -> None:
        """Say "running" when it answers for the first time, and from then on whether it still does."""
        page = "/api" if self._order.jupyter else "/"
        pause = 0.05
        while not await answers(self._order.internal_port, page):
            await trio.sleep(pause)
            pause = min(pause * 1.5, 1.0)
        answered.set()
        silent = False
        while True:
            if not self._stopping.is_set():
                await self._report(state="running", reason=self._silence() if silent else "")
            await trio.sleep(WATCH_SECONDS)
            silent = not await answers(self._order.internal_port, page)

    def _silence(self) -> str:
        return self._status.reason or time.strftime("does not answer since %H:%M:%S")

    async def _wait_for_ports(self) -> None:
        """Raises ServiceError when a port is still taken after `PORT_SECONDS`."""
        deadline = trio.current_time() + PORT_SECONDS
        while True:
            try:
                for port in {self._order.internal_port, self._order.external_port}:
                    ports.require_free(port, what="port")
            except ServiceError:
                if trio.current_time() > deadline or self._stopping.is_set():
                    raise
                await trio.sleep(0.1)
            else:
                return

    def _why(self, ended: Ended, *, since: int) -> str:
        """Why a run ended, for people; "" when that is what it was meant to do."""
        if self._stopping.is_set() or (ended.exit_code == 0 and not ended.reason):
            return ""
        what = ended.reason or f"exited with {ended.exit_code}"
        said = logtail.tail(self._log, since=since)
        return f"{what}: {said}" if said else f"{what} without a word"

    async def _report(self, **changes: Any) -> None:
        """Write the status down where it differs; a store that takes no writes now is no reason to end a service.

        In a thread: a write waits for the disk and for other writers.
        """
        status = msgspec.structs.replace(self._status, **changes)
        if status == self._status:
            return
        self._status = status
        try:
            async with self._writing:
                await trio.to_thread.run_sync(record.put_status, self._store, self._name, self._status)
        except (StoreError, OSError) as error:
            log.error("the status of service %s cannot be written: %s", self._name, error)
