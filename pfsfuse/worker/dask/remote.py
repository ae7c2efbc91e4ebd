"""What runs in a Dask worker's process: a store of its own, thrown away with it, and the workers of a host.

    a thread of Dask             one long-lived thread with an event loop
    unpack the parcel      ──>   LocalExecutor.run: as on the scheduler's own host
    pack the return        <──

The event loop has a thread that lives as long as the process: the kernel ends a worker with the *thread* that started
it, and Dask's come and go. When the process dies, so do its workers, and what they run.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import trio

import store
from pfsfuse.errors import JobError, PfsError
from pfsfuse.worker import protocol
from pfsfuse.worker.api import Outcome, Task, datum_pin
from pfsfuse.worker.dask.parcel import Parcel, Return, pack_return, unpack
from pfsfuse.worker.local import LocalExecutor, open_local_executor
from pfsfuse.worker.printed import times_path
from store import StoreError

ASK_SECONDS = 0.5
"""Between two questions whether the datum is still wanted; each goes to Dask's scheduler and back."""
SWEEP_AFTER = 64
"""Datums, after which what they left in the store of this process is collected."""


class Host:
    """This process, as a place where datums run."""

    def __init__(self, scratch: Path) -> None:
        """`scratch` is where the store goes; whoever gave it clears it away should this process be killed."""
        self.path = Path(tempfile.mkdtemp(prefix="pfs-dask-", dir=scratch))
        atexit.register(shutil.rmtree, self.path, ignore_errors=True)
        self._store = store.create(self.path / "store")
        for name in ("logs", "scratch"):
            (self._store.path / name).mkdir(exist_ok=True)
        self._computed = 0
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._executor: LocalExecutor | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        threading.Thread(target=trio.run, args=(self._serve,), name="pfs-workers", daemon=True).start()
        self._ready.wait()

    async def _serve(self) -> None:
        async with open_local_executor(self._store.path, max(8, len(os.sched_getaffinity(0)))) as executor:
            self._executor, self._token = executor, trio.lowlevel.current_trio_token()
            self._ready.set()
            await trio.sleep_forever()

    def compute(self, parcel: Parcel, wanted: Callable[[], bool]) -> Return:
        """Run a datum, as long as it is `wanted`."""
        prefix = f"in-{uuid.uuid4().hex}"
        log = self._store.path / "logs" / f"{prefix}.log"
        given = protocol.decode_request(parcel.task)
        assert isinstance(given, Task)  # what `pack` has put in
        task = None
        try:
            task = unpack(self._store, parcel, prefix, log)
            outcome: Outcome = trio.from_thread.run(self._run, task, wanted, trio_token=self._token)
            return pack_return(self._store, task, outcome, given.datum)
        except (PfsError, StoreError, OSError) as error:
            hint = error.hint() if isinstance(error, PfsError | StoreError) else ""
            why = f"{error} ({hint})" if hint else str(error)
            said = f"datum {given.datum[:8]} on host {socket.gethostname()}: {why}"
            return Return(protocol.encode(Outcome(datum=given.datum, state="failed", reason=said)))
        finally:
            if task is not None:
                self._store.pins.delete(datum_pin(task.datum))
            self._clear(prefix, log)

    async def _run(self, task: Task, wanted: Callable[[], bool]) -> Outcome:
        assert self._executor is not None
        outcome = Outcome(datum=task.datum, state="failed", reason=f"datum {task.datum[:8]}: stopped")
        refused: JobError | None = None
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                while await trio.to_thread.run_sync(wanted):
                    await trio.sleep(ASK_SECONDS)
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                outcome = await self._executor.run(task)
            except JobError as error:  # out here: a nursery would wrap it
                refused = error
            nursery.cancel_scope.cancel()
        if refused is not None:
            raise refused
        return outcome

    def _clear(self, prefix: str, log: Path) -> None:
        for repo in self._store.repos():
            if repo.name.startswith(f"{prefix}-"):
                self._store.delete_repo(repo.name)
        for path in (log, times_path(log)):
            path.unlink(missing_ok=True)
        with self._lock:
            self._computed += 1
            if self._computed % SWEEP_AFTER == 0:
                self._store.sweep(self._store.plan_gc())


_hosts: dict[int, Host] = {}
_starting = threading.Lock()


def host(scratch: Path) -> Host:
    """This process's, made by the first who asks, below `scratch`."""
    with _starting:
        if os.getpid() not in _hosts:
            _hosts[os.getpid()] = Host(scratch)
        return _hosts[os.getpid()]
