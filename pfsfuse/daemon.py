"""The wiring diagram: one process that serves the host's mount, runs pipelines and keeps services.

    run ──► _Daemon.serve ──► one nursery
                                ├── mount        fuse.serve: answers the kernel, shows new heads
                                ├── scheduler    runs jobs, while it holds the scheduler's lock
                                ├── supervisor   keeps services, while it holds the services' lock
                                ├── control      answers `pfs status`, `refresh`, `stop`
                                └── signals      SIGTERM, SIGINT, SIGHUP

Whatever asks it to end (a signal, `pfs umount`, somebody unmounting), it ends in this order: services, whose output
is committed while the store and the mount still work; jobs, which the next scheduler takes up again; the mount; the
control socket. A second signal is impatience: everything is killed, and what services saved stays in scratch for the
next start, as after a crash.

In the background it runs in `mountd.py`, which `control.launch` starts.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

import store
from pfsfuse import fuse
from pfsfuse.config import Config
from pfsfuse.control import address, server
from pfsfuse.control.messages import Status, shown
from pfsfuse.fuse import Committer, Refresher, Stager
from pfsfuse.mountoptions import MountOptions
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.service.supervisor import Supervisor
from pfsfuse.vfs import HostView, Vfs
from pfsfuse.worker.api import Executor
from pfsfuse.worker.local import open_local_executor
from pfsfuse.worker.rooms import remove_stale
from pfsfuse.worktree.failures import NotStaged
from store import Store

log = logging.getLogger(__name__)

PLAIN = MountOptions()


def run(
    config: Config,
    *,
    mountpoint: Path | None = None,
    options: MountOptions = PLAIN,
    prepared: Callable[[], None] = lambda: None,
    ready: Callable[[], None] = lambda: None,
    ending: Callable[[], None] = lambda: None,
) -> None:
    """Serve in this process until told to end; without a mountpoint, schedule and supervise only.

    `prepared` is called once the store is open and its directories are there, before anything is started; `ready`
    when everything answers, `ending` when it begins to end. Raises MountError when the mountpoint will not do, and the
    store's own errors; nothing is mounted then.
    """
    with store.open_or_create(config.store) as opened:
        where = fuse.prepare_mountpoint(mountpoint) if mountpoint is not None else None
        for name in ("run", "logs", "scratch"):
            (opened.path / name).mkdir(mode=0o700, exist_ok=True)
        prepared()
        address.sweep(opened.path)
        remove_stale(opened.path)
        trio.run(_Daemon(opened, where, options, config.dask).serve, ready, ending)


@dataclass(slots=True)
class _Part:
    """A piece of the daemon that ends on its own, before the nursery does."""

    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)

    async def run(
        self,
        serve: Callable[..., Awaitable[Any]],
        *,
        task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        try:
            with self.scope:
                await serve(task_status=task_status)
        finally:
            self.ended.set()

    async def end(self) -> None:
        self.scope.cancel()
        await self.ended.wait()


class _Daemon:
    """What a running daemon consists of; also what the control socket asks."""

    def __init__(
        self, opened: Store, mountpoint: Path | None, options: MountOptions, dask: str | None
    ) -> None:
        self._store = opened
        self._dask = dask
        self._mountpoint = mountpoint
        self._options = options
        self._refresher: Refresher | None = None
        self._stager: Stager | None = None
        self._scheduler: Scheduler | None = None
        self._supervisor = Supervisor(opened)
        self._ending = trio.Event()
        self._started_ns = time.time_ns()

    async def serve(self, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        """Until something asks for the end; `ready` is called when everything answers, `ending` then."""
        mount, scheduler, supervisor = _Part(), _Part(), _Part()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._take_signals, nursery.cancel_scope)
            if self._mountpoint is not None:
                self._refresher = await nursery.start(mount.run, self._serve_mount)
                nursery.start_soon(self._end_when, mount.ended)
            await nursery.start(supervisor.run, self._supervisor.run)
            await nursery.start(scheduler.run, self._schedule)
            await nursery.start(server.serve, self._store.path, self)
            log.info("serving %s at %s", self._store.path, self._mountpoint or "no mountpoint")
            ready()

            await self._ending.wait()
            log.info("ending")
            ending()
            self._supervisor.stop()
            await supervisor.ended.wait()
            await scheduler.end()
            if self._mountpoint is not None:
                await mount.end()
            nursery.cancel_scope.cancel()

    # ---- the parts

    async def _serve_mount(self, *, task_status: trio.TaskStatus[Refresher]) -> None:
        assert self._mountpoint is not None
        options = self._options
        view = HostView(
            self._store, writable=not options.read_only, apart=options.xattrs, chosen=options.views
        )
        vfs = Vfs(view)
        serve = partial(
            fuse.serve,
            vfs,
            self._mountpoint,
            allow_other=options.allow_other,
            read_only=options.read_only,
            attributes=options.xattrs,
        )
        async with trio.open_nursery() as beside:
            async with trio.open_nursery() as nursery:
                refresher: Refresher = await nursery.start(serve)
                self._stager = Stager(vfs, refresher)
                beside.start_soon(self._stager.tidy)
                if view.branches is not None:
                    committer = Committer(self._store, view.branches, self._stager, self.refresh)
                    vfs.committing = committer
                    if options.autocommit_seconds is not None:
                        beside.start_soon(committer.watch, options.autocommit_seconds)
                task_status.started(refresher)
            beside.cancel_scope.cancel()
        view.close()

    async def _schedule(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with self._open_executor() as executor:
            self._scheduler = Scheduler(self._store, executor)
            await self._scheduler.run(task_status=task_status)

    def _open_executor(self) -> AbstractAsyncContextManager[Executor]:
        if self._dask is None:
            return open_local_executor(self._store.path)
        from pfsfuse.worker.dask.executor import open_dask_executor  # half a second, and an optional package

        return open_dask_executor(self._store, self._dask)

    async def _take_signals(
        self, everything: trio.CancelScope, *, task_status: trio.TaskStatus[None]
    ) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                log.info("%s", signal.Signals(number).name)
                if self._ending.is_set():
                    everything.cancel()
                self._ending.set()

    async def _end_when(self, event: trio.Event) -> None:
        await event.wait()
        self._ending.set()

    # ---- what the control socket asks

    def status(self) -> Status:
        return Status(
            pid=os.getpid(),
            version=_version(),
            store=shown(self._store.path),
            mountpoint=shown(self._mountpoint) if self._mountpoint is not None else None,
            scheduling=self._scheduler is not None and self._scheduler.scheduling,
            supervising=self._supervisor.supervising,
            services=self._supervisor.names,
            started_ns=self._started_ns,
            staging=None if self._stager is None else self._stager.progress,
        )

    async def refresh(self) -> None:
        if self._scheduler is not None:
            self._scheduler.wake()
        if self._refresher is not None:
            await self._refresher.refresh()

    async def stage(self) -> list[NotStaged]:
        return [] if self._stager is None else await self._stager.stage()

    def stop(self) -> None:
        self._ending.set()


def _version() -> str:
    # A tenth of the time that a daemon needs to start, and few ask.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pfsfuse")
    except PackageNotFoundError:
        return "unknown"  # run from a checkout that was not installed
