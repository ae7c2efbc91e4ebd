"""Keeps what runs equal to what is ordered, for one store, in the one process that holds the services lock."""

from __future__ import annotations

import logging
import time

import msgspec
import trio

from pfsfuse.role import Role, RoleLock
from pfsfuse.service import record
from pfsfuse.service.following import follow
from pfsfuse.service.keeper import Keeper
from pfsfuse.service.orders import settle
from pfsfuse.service.plan import plan_services
from pfsfuse.service.record import Order
from pfsfuse.service.spouts.spouts import Spouts
from store import Store, StoreError

log = logging.getLogger(__name__)

LOCK_SECONDS = 1.0
"""Between two tries for the lock while another daemon has it."""

WATCH_SECONDS = 0.1
"""Between two looks at whether anybody has written to the store; a look reads mapped memory."""


class Supervisor:
    """Runs the services of a store until told to stop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keepers: dict[str, Keeper] = {}
        self._spouts = Spouts(store)
        self._stopping = trio.Event()
        self._bell = trio.Event()
        self._supervising = False

    @property
    def supervising(self) -> bool:
        """This process is the one."""
        return self._supervising

    @property
    def names(self) -> tuple[str, ...]:
        """The services kept running, in name order."""
        return tuple(sorted(self._keepers))

    def stop(self) -> None:
        """End: `run` returns when every service has ended and what it saved is committed."""
        self._stopping.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Supervise, or wait until no other process does.

        `started` once it is decided which, so that a service can be ordered as soon as a daemon is there. Cancelled,
        it kills every service and leaves its scratch for the next supervisor.
        """
        with RoleLock(self._store.path, Role.SERVICES) as lock:
            mine = lock.acquire_nowait()
            task_status.started()
            while not mine:
                with trio.move_on_after(LOCK_SECONDS):
                    await self._stopping.wait()
                    return
                mine = lock.acquire_nowait()
            self._supervising = True
            try:
                async with trio.open_nursery() as keepers, trio.open_nursery() as watching:
                    watching.start_soon(self._follow_orders, keepers)
                    keepers.start_soon(self._spouts.run)
                    await self._stopping.wait()
                    watching.cancel_scope.cancel()
                    self._spouts.stop()
                    for keeper in self._keepers.values():
                        keeper.stop("the daemon was stopped")
            finally:
                self._supervising = False

    async def _follow_orders(self, keepers: trio.Nursery) -> None:
        while True:
            seen, self._bell = self._store.last_txnid(), trio.Event()
            try:
                await self._reconcile(keepers)
            except (StoreError, OSError, msgspec.DecodeError) as error:
                # A record of another version, a full disk: the services that run go on.
                log.error("cannot follow the orders for services: %s", error)
            while self._store.last_txnid() == seen and not self._bell.is_set():
                with trio.move_on_after(WATCH_SECONDS):
                    await self._bell.wait()

    async def _reconcile(self, keepers: trio.Nursery) -> None:
        """Act on the difference between orders and keepers, once."""
        orders = await trio.to_thread.run_sync(self._orders)
        services = {
            name: (order, record.status_of(self._store, name, order)) for name, order in orders.items()
        }
        plan = plan_services(services, {name: keeper.serial for name, keeper in self._keepers.items()})
        for name in plan.start:
            self._keepers[name] = Keeper(self._store, name, orders[name])
            keepers.start_soon(self._keep, name)
        for name in plan.stop:
            self._keepers[name].stop()
        for name in plan.settle:
            await trio.to_thread.run_sync(settle, self._store, name, orders[name], "", "stopped")

    def _orders(self) -> dict[str, Order]:
        return follow(self._store, dict(record.iter_orders(self._store)), now_ns=time.time_ns())

    async def _keep(self, name: str) -> None:
        try:
            await self._keepers[name].run()
        finally:
            del self._keepers[name]
            self._bell.set()  # a new order may have come while the old one was being settled
