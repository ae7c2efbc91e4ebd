"""One spout: its command kept running, its output taken.

take what is left ─► launch ──► ends ─► take ─► pause (1, 2, 4, … 60 s) ─► launch
                       │
                       └─ beside it: look, and take when it is quiet, or marked, or has waited long enough
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

import trio
from msgspec.structs import replace

from pfsfuse.errors import PfsError
from pfsfuse.pipeline import Spec
from pfsfuse.scheduler import Ledger, Pipeline, PipelineGone, write_as
from pfsfuse.service import logtail, ports
from pfsfuse.service.forward import forward
from pfsfuse.service.launching import GRACE_SECONDS
from pfsfuse.service.spouts.record import SpoutStatus, find_spout, log_path, put_spout
from pfsfuse.service.spouts.taking import Basin, Hold, Look
from pfsfuse.worker.api import Ended, Launch, Limits
from pfsfuse.worker.handle import Worker, WorkerDied, open_worker
from store import Store, StoreError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
QUIET_SECONDS = 1.0
"""Without a change in what is there, before it is committed."""
LONGEST_SECONDS = 10.0
"""What is complete waits no longer than this, however busy the command is."""
AGAIN_SECONDS = 1.0
"""Before what could not be committed is tried again."""
PAUSE_SECONDS = 60.0
"""The longest pause before the command is started again; it has to run this long for the pauses to begin anew."""


class SpoutKeeper:
    """Keeps one version of a spout running until `stop`."""

    def __init__(
        self, store: Store, pipeline: Pipeline, spec: Spec, *, quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        self._store, self.pipeline, self._spec = store, pipeline, spec
        self._quiet_seconds = quiet_seconds
        self._basin = Basin(store, pipeline.name)
        self._log = log_path(store.path, pipeline.name)
        self._stopping = trio.Event()
        self._status = find_spout(store, pipeline.name) or SpoutStatus(state="stopped")

    def stop(self) -> None:
        """Ask the command to end; `run` returns when it has and what it had closed is committed."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped. Cancelled, it leaves what is not committed for the next."""
        await trio.to_thread.run_sync(self._prepare)
        failures = 0
        while not self._stopping.is_set():
            begun = trio.current_time()
            reason = await self._run_once()
            await self._take("")
            if self._stopping.is_set():
                break
            failures = 1 if trio.current_time() - begun >= PAUSE_SECONDS else failures + 1
            log.warning("spout %s: %s; starting it again", self.pipeline.name, reason)
            await self._report(state="crashing", pid=None, reason=reason, restarts=self._status.restarts + 1)
            with trio.move_on_after(min(2.0 ** (failures - 1), PAUSE_SECONDS)):
                await self._stopping.wait()
        await self._report(state="stopped", pid=None, reason="")

    def _prepare(self) -> None:
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._basin.prepare(self.pipeline.created_ns)

    async def _run_once(self) -> str:
        """Launch the command and stay with it; why it ended."""
        left = self._basin.look()
        if await self._take(left.message or ""):
            self._basin.acknowledge(left)  # one that a command before has left would answer this one's
        if self._stopping.is_set():
            return ""  # its pipeline was deleted
        printed = logtail.size(self._log)
        try:
            self._require_ports()
            async with open_worker(self._store.path) as worker:
                await self._report(state="running", pid=worker.pid, started_ns=time.time_ns())
                ended = await self._attend(worker)
        except (WorkerDied, PfsError) as error:
            return str(error)
        what = ended.reason or f"exited with {ended.exit_code}"
        said = logtail.tail(self._log, since=printed)
        return f"{what}: {said}" if said else what

    async def _attend(self, worker: Worker) -> Ended:
        async def stop_when_asked() -> None:
            await self._stopping.wait()
            with contextlib.suppress(WorkerDied):  # which the launch says, too
                await worker.stop(self.pipeline.name, GRACE_SECONDS)

        service = self._spec.spout.service if self._spec.spout is not None else None
        ended: Ended | WorkerDied | PfsError
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_when_asked)
            nursery.start_soon(self._keep_taking)
            if service is not None and service.internal_port != service.external_port:
                nursery.start_soon(forward, service.external_port, service.internal_port)
            try:
                ended = await worker.launch(self._launch())
            except (WorkerDied, PfsError) as error:
                ended = error  # raised in here it would come out in a group
            nursery.cancel_scope.cancel()
        if isinstance(ended, Exception):
            raise ended
        return ended

    def _launch(self) -> Launch:
        transform, limits = self._spec.transform, self._spec.limits
        name = self.pipeline.name
        return Launch(
            name=name,
            cmd=transform.cmd,
            stdin=transform.stdin,
            env={**transform.env, "PFS_PIPELINE": name, "PPS_PIPELINE_NAME": name},
            working_dir=transform.working_dir or "/",
            network=transform.network == "host",
            limits=Limits(memory=limits.memory, cpu=limits.cpu) if limits is not None else Limits(),
            user=transform.user,
            log=str(self._log),
            out=str(self._basin.out),
        )

    def _require_ports(self) -> None:
        """Raises ServiceError when the port people connect to is taken."""
        if self._spec.spout is not None and (service := self._spec.spout.service) is not None:
            for port in {service.internal_port, service.external_port}:
                ports.require_free(port, what="spout.service port")

    async def _keep_taking(self) -> None:
        before, changed, waiting = Look((), None), trio.current_time(), trio.current_time()
        while True:
            await trio.sleep(LOOK_SECONDS)
            now = await trio.to_thread.run_sync(self._basin.look)
            moment = trio.current_time()
            # Twice the same: whoever wrote it has most likely finished.
            marked = now.message is not None and (now.message, now.written) == (
                before.message,
                before.written,
            )
            if now != before:
                changed, waiting = moment, waiting if before.files else moment
            before = now
            due = moment - changed >= self._quiet_seconds or moment - waiting >= LONGEST_SECONDS
            if marked or (now.files and due):
                if not await self._take(now.message or "" if marked else ""):
                    await trio.sleep(AGAIN_SECONDS)
                elif marked:
                    await trio.to_thread.run_sync(self._basin.acknowledge, now)
                changed = waiting = trio.current_time()

    async def _take(self, message: str) -> bool:
        """Commit what is complete. False when it could not be: it stays where it is, and is tried again, unless the
        pipeline was deleted: then this is the end."""
        try:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._take_in_thread, message)
        except PipelineGone:
            self._stopping.set()
            return False
        except (StoreError, OSError) as error:
            log.error("spout %s: what it wrote cannot be committed: %s", self.pipeline.name, error)
            await self._report(reason=f"what it wrote cannot be committed: {error}")
            return False
        return True

    def _take_in_thread(self, message: str) -> None:
        name, ledger = self.pipeline.name, Ledger(self._store)
        branch, message = self._spec.output_branch, message or f"{name}: spout"

        def write(hold: Hold) -> None:
            for made in self._basin.take(branch=branch, message=message, hold=hold):
                ledger.note_made(name, str(made.id), self.pipeline.version)

        write_as(self._store, name, self.pipeline.created_ns, write)

    async def _report(self, **changes: Any) -> None:
        status = replace(self._status, **changes)
        if status == self._status:
            return
        self._status = status
        try:
            await trio.to_thread.run_sync(put_spout, self._store, self.pipeline.name, status)
        except (StoreError, OSError) as error:
            log.error("the status of spout %s cannot be written: %s", self.pipeline.name, error)
