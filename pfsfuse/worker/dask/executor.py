"""Datums given to the workers of a Dask cluster: one that is there, or one of this host's own.

Dask decides where a datum runs, and runs it again elsewhere when a worker dies or is cut off; what arrives twice is
taken once. Stopping is by an event that the other side asks for, since Dask itself cannot stop what has begun.

A datum's input and output travel with it (`parcel.py`). Dask's own connections are neither encrypted nor protected by
a password unless it is set up that way: give it TLS, or a network of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import uuid
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from distributed import Client, Event, KilledWorker, LocalCluster, get_client, get_worker
from tornado.ioloop import IOLoop

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


LOST = (OSError, RuntimeError, TimeoutError, CancelledError)
"""What Dask raises when it cannot reach its scheduler, or that has forgotten what it was given."""


def compute(parcel: Parcel, unwanted: str) -> Return:
    """Runs in a Dask worker: the datum, until the event `unwanted` is set."""
    event = Event(unwanted, client=get_client())

    def wanted() -> bool:
        try:
            return not event.is_set()
        except LOST:
            return True  # nobody can be asked for the moment; when that lasts, Dask ends this process

    scratch = Path(get_worker().local_directory)  # Dask clears away what dead workers leave in theirs
    return remote.host(scratch).compute(parcel, wanted)


class DaskExecutor:
    """Runs tasks on a cluster. Made by `open_dask_executor`."""

    def __init__(self, store: Store, client: Any, connect: Callable[[], Any]) -> None:
        """`connect` gives another client when `client` has given up."""
        self._store, self._client, self._connect = store, client, connect
        self._reaching = trio.Lock()
        self._slots = 1

    @property
    def slots(self) -> int:
        """The threads of all workers, as of a moment ago; at least 1, for whoever comes later."""
        return self._slots

    async def run(self, task: Task) -> Outcome:
        """Compute `task` somewhere. A cluster that cannot be reached is waited for."""
        try:
            parcel, last = await trio.to_thread.run_sync(pack, self._store, task), ""
            for _ in range(ATTEMPTS):
                await self._reach()
                try:
                    given = await self._away(task, parcel)
                except KilledWorker as error:
                    return _failed(task, f"every worker that computed it died: {error}")
                except LOST as error:
                    last = str(error) or type(error).__name__
                    log.warning("datum %s of %s was lost: %s", task.datum, task.pipeline, last)
                    continue
                except Exception as error:  # noqa: BLE001  a host that is not set up for it raises whatever there is
                    why = f"it could not be run on another host: {type(error).__name__}: {error}"
                    return _failed(task, f"{why} (does it have the same version of pfs?)")
                return await trio.to_thread.run_sync(take_return, self._store, task, given)
        except (PfsError, StoreError) as error:
            return _failed(task, f"{error} ({error.hint()})" if error.hint() else str(error))
        return _failed(task, f"it was lost {ATTEMPTS} times on its way to other hosts: {last}")

    async def look(self) -> None:
        """Keep `slots` right, until cancelled."""
        while True:
            with contextlib.suppress(OSError, RuntimeError, TimeoutError):
                threads = await trio.to_thread.run_sync(self._client.nthreads)
                self._slots = max(1, sum(threads.values()))
            await trio.sleep(LOOK_SECONDS)

    async def _reach(self) -> None:
        """Until the cluster answers, however long that takes."""
        async with self._reaching:
            if self._client.status != "running":
                log.warning("the Dask scheduler does not answer; waiting until it does")
            while self._client.status != "running":
                if (
                    self._client.status == "closed"
                ):  # it tries for a while to reach it again, and then no more
                    with contextlib.suppress(JobError, *LOST):  # it went away again while it was reached
                        self._client = await trio.to_thread.run_sync(self._connect)
                        return
                await trio.sleep(LOOK_SECONDS)

    async def aclose(self) -> None:
        """Let go of the cluster."""
        with contextlib.suppress(*LOST):
            await trio.to_thread.run_sync(self._client.close)

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
    with open_loop() as loop:
        cluster = None if address else await trio.to_thread.run_sync(_start, store.path)
        connect = partial(_connect, address or cluster, loop)
        try:
            executor = DaskExecutor(store, await trio.to_thread.run_sync(connect), connect)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(executor.look)
                    yield executor
                    nursery.cancel_scope.cancel()
            finally:
                with trio.CancelScope(shield=True):
                    await executor.aclose()
        finally:
            if cluster is not None:
                with trio.CancelScope(shield=True), contextlib.suppress(*LOST):
                    await trio.to_thread.run_sync(cluster.close)


@contextmanager
def open_loop() -> Iterator[IOLoop]:
    """An event loop for clients, in a thread of its own. A client that has none makes one, which it leaves running when
    nobody answers: a thread and three descriptors for each time that a scheduler is looked for."""
    ready: Future[tuple[IOLoop, asyncio.Event]] = Future()

    async def live() -> None:
        end = asyncio.Event()
        ready.set_result((IOLoop.current(), end))
        await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(live()), name="dask-clients", daemon=True)
    thread.start()
    loop, end = ready.result()
    try:
        yield loop
    finally:
        loop.add_callback(end.set)
        thread.join()


def _start(store_path: Path) -> Any:
    scratch = store_path / "scratch" / "dask"
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalCluster(
        threads_per_worker=1, dashboard_address=None, host="127.0.0.1", local_directory=str(scratch)
    )


def _connect(cluster: Any, loop: IOLoop) -> Any:
    """A client of a cluster of ours, or in `loop` of the one at an address. Raises JobError when nobody answers."""
    try:
        its = {"loop": loop} if isinstance(cluster, str) else {}
        return Client(cluster, set_as_default=False, timeout=CONNECT_SECONDS, **its)
    except (OSError, ValueError) as error:
        raise JobError(
            f"no Dask scheduler answers at {cluster}: {error}",
            hint="start one with `dask scheduler`, and workers with `dask worker tcp://HOST:8786`",
        ) from None


def _failed(task: Task, why: str) -> Outcome:
    return Outcome(datum=task.datum, state="failed", reason=f"datum {task.datum[:8]}: {why}")
