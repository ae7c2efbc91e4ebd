"""Makes the spouts that run equal to the ledger: one keeper for each pipeline that is a spout and not stopped."""

from __future__ import annotations

import logging

import trio

from pfsfuse.errors import SpecError
from pfsfuse.scheduler import Ledger, Pipeline, spec_of
from pfsfuse.service.spouts.keeper import QUIET_SECONDS, SpoutKeeper
from pfsfuse.service.spouts.record import find_spouts, put_spout
from pfsfuse.service.spouts.taking import Basin
from store import Store, StoreError

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.25
"""Between two looks at whether anybody has written to the store; a look reads mapped memory."""


class Spouts:
    """The spouts of a store, in the one process that supervises."""

    def __init__(self, store: Store, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._store = store
        self._quiet_seconds = quiet_seconds
        self._keepers: dict[str, SpoutKeeper] = {}
        self._stopping = trio.Event()
        self._bell = trio.Event()

    def stop(self) -> None:
        """End: `run` returns when every command has ended and what it had closed is committed."""
        self._stopping.set()
        self._bell.set()

    async def run(self) -> None:
        """Until stopped."""
        await trio.to_thread.run_sync(self._forget_others)
        async with trio.open_nursery() as keepers:
            while not self._stopping.is_set():
                seen, self._bell = self._store.last_txnid(), trio.Event()
                try:
                    self._reconcile(await trio.to_thread.run_sync(self._wanted), keepers)
                except StoreError as error:
                    log.error("cannot follow the spouts: %s", error)
                while self._store.last_txnid() == seen and not self._bell.is_set():
                    with trio.move_on_after(WATCH_SECONDS):
                        await self._bell.wait()
            for keeper in self._keepers.values():
                keeper.stop()

    def _wanted(self) -> dict[str, Pipeline]:
        """The pipelines that are spouts and not stopped; "spout" is looked for in the record, which is cheap."""
        found = Ledger(self._store).pipelines()
        return {each.name: each for each in found if "spout" in each.spec and not each.paused}

    def _reconcile(self, wanted: dict[str, Pipeline], keepers: trio.Nursery) -> None:
        for name, keeper in self._keepers.items():
            if wanted.get(name) != keeper.pipeline:
                keeper.stop()
        for name in wanted.keys() - self._keepers.keys():
            try:
                spec = spec_of(wanted[name])
            except SpecError as error:
                log.error("spout %s is left out: %s", name, error)
                continue
            self._keepers[name] = SpoutKeeper(
                self._store, wanted[name], spec, quiet_seconds=self._quiet_seconds
            )
            keepers.start_soon(self._keep, name)

    async def _keep(self, name: str) -> None:
        try:
            await self._keepers[name].run()
            await trio.to_thread.run_sync(self._forget_deleted, self._keepers[name].pipeline)
        except Exception:  # the others, and the mount, live in the same process
            log.exception("spout %s", name)
            await trio.sleep(WATCH_SECONDS)
        finally:
            del self._keepers[name]
            self._bell.set()

    def _forget_others(self) -> None:
        """Clear away what is left of spouts that were deleted while nobody kept them."""
        try:
            there = {each.name for each in Ledger(self._store).pipelines()}
            for name in find_spouts(self._store) - there:
                self._forget(name)
        except StoreError as error:
            log.error("what deleted spouts have left stays: %s", error)

    def _forget_deleted(self, was: Pipeline) -> None:
        if Ledger(self._store).find_pipeline(was.name, made_ns=was.created_ns) is None:
            self._forget(was.name)

    def _forget(self, name: str) -> None:
        Basin(self._store, name).discard()
        put_spout(self._store, name, None)
