"""Datums given to the workers of a Dask cluster: one that is there, or one of this host's own.

Dask decides where a datum runs, and runs it again elsewhere when a worker dies or is cut off; what arrives twice is
taken once. Stopping is by an event that the other side asks for, since Dask itself cannot stop what has begun.

A datum's input and output travel with it (`parcel.py`). Dask's own connections are neither encrypted nor protected by
a password unless it is set up that way: give it TLS, or a network of its own.
"""

from __future__ import annotations

import contextlib
import logging
import uuid
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from distributed import Client, Event, KilledWorker, LocalCluster, get_client, get_worker

from pfsfuse.errors import JobError, PfsError
from pfsfuse.worker.api import Outcome, Task
from pfsfuse.worker.dask import remote
from pfsfuse.worker.dask.parcel import Parcel, Return, pack, take_return
from store import Store, StoreError

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Times that a datum is given away anew when Dask loses it."""
CONNECT_SECONDS = 15
LOOK_SECONDS = 2.0
"""Between two looks at how many workers there are."""
STOP_SECONDS = 10.0


def compute(parcel: Parcel, unwanted: str) -> Return:
    """Runs in a Dask worker: the datum, until the event `unwanted` is set."""
    event = Event(unwanted, client=get_client())
    scratch = Path(get_worker().local_directory)  # Dask clears away what dead workers leave in theirs
    return remote.host(scratch).compute(parcel, lambda: not event.is_set())


class DaskExecutor:
    """Runs tasks on a cluster. Made by `open_dask_executor`."""

    def __init__(self, store: Store, client: Any) -> None:
        self._store, self._client = store, client
        self._slots = 1

    @property
    def slots(self) -> int:
        """The threads of all workers, as of a moment ago; at least 1, for whoever comes later."""
        return self._slots

    async def run(self, task: Task) -> Outcome:
        """Compute `task` somewhere. A cluster that cannot be reached is waited for."""
        try:
            parcel = await trio.to_thread.run_sync(pack, self._store, task)
            for _ in range(ATTEMPTS):
                try:
                    given = await self._away(task, parcel)
                except KilledWorker as error:
                    return _failed(task, f"every worker that computed it died: {error}")
                except (OSError, RuntimeError, TimeoutError) as error:
                    log.warning("datum %s of %s was lost: %s", task.datum, task.pipeline, error)
                    continue
                return await trio.to_thread.run_sync(take_return, self._store, task, given)
        except (PfsError, StoreError) as error:
            return _failed(task, f"{error} ({error.hint()})" if error.hint() else str(error))
        return _failed(task, f"it was lost {ATTEMPTS} times on its way to other hosts")

    async def look(self) -> None:
        """Keep `slots` right, until cancelled."""
        while True:
            with contextlib.suppress(OSError, RuntimeError, TimeoutError):
                threads = await trio.to_thread.run_sync(self._client.nthreads)
                self._slots = max(1, sum(threads.values()))
            await trio.sleep(LOOK_SECONDS)

    async def _away(self, task: Task, parcel: Parcel) -> Return:
        name = f"pfs-{task.datum[:12]}-{uuid.uuid4().hex}"
        future = await trio.to_thread.run_sync(self._submit, name, parcel)
        done, token = trio.Event(), trio.lowlevel.current_trio_token()

        def ended(_: object) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        future.add_done_callback(ended)
        try:
            await done.wait()
            given: Return = await trio.to_thread.run_sync(future.result)
        except trio.Cancelled:
            with trio.CancelScope(shield=True), trio.move_on_after(STOP_SECONDS):
                await trio.to_thread.run_sync(self._give_up, name, future, abandon_on_cancel=True)
                await done.wait()
            raise
        return given

    def _submit(self, name: str, parcel: Parcel) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that a graph is large: it is what the datum reads
            return self._client.submit(compute, parcel, name, key=name, pure=False)

    def _give_up(self, name: str, future: Any) -> None:
        if future.status == "pending":
            Event(name, client=self._client).set()
        with contextlib.suppress(Exception):
            future.result(timeout=STOP_SECONDS)
        future.cancel()


@asynccontextmanager
async def open_dask_executor(store: Store, address: str) -> AsyncIterator[DaskExecutor]:
    """An executor on the cluster at `address` (`tcp://host:8786`); with "" on one that is started on this host, and
    ended with it. Raises JobError when nobody answers."""
    client, cluster = await trio.to_thread.run_sync(_connect, store.path, address)
    executor = DaskExecutor(store, client)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.look)
            yield executor
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(_disconnect, client, cluster)


def _connect(store_path: Path, address: str) -> tuple[Any, Any]:
    try:
        cluster = None
        if not address:
            scratch = store_path / "scratch" / "dask"
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            cluster = LocalCluster(
                threads_per_worker=1, dashboard_address=None, host="127.0.0.1", local_directory=str(scratch)
            )
        return Client(cluster or address, set_as_default=False, timeout=CONNECT_SECONDS), cluster
    except (OSError, ValueError) as error:
        raise JobError(
            f"no Dask scheduler answers at {address or 'this host'}: {error}",
            hint="start one with `dask scheduler`, and workers with `dask worker tcp://HOST:8786`",
        ) from None


def _disconnect(client: Any, cluster: Any) -> None:
    with contextlib.suppress(OSError, RuntimeError, TimeoutError):
        client.close()
        if cluster is not None:
            cluster.close()


def _failed(task: Task, why: str) -> Outcome:
    return Outcome(datum=task.datum, state="failed", reason=f"datum {task.datum[:8]}: {why}")
