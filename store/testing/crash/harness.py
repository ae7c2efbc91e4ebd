"""Starting workers, killing them, and looking at what they leave."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import store
from store.testing.crash.ledger import Ledger
from store.testing.crash.work import SHARED, Done, Failed, Try, run
from store.testing.invariants import assert_sound

LONGEST_LIFE = 0.35
"""Seconds from being ready to the kill, at most."""
PATIENCE = 60.0
"""Seconds in which a worker must say something when it should."""
ROUNDS_OF_A_STORE = 12
"""Then a new one: every check reads all of it."""


@dataclass(slots=True)
class Tally:
    """What was done, for the report."""

    kills: int = 0
    by_role: dict[str, int] = field(default_factory=dict)
    rounds: int = 0
    acknowledged: int = 0
    """Changes: commits, merges, branches moved, tags, repos made and deleted."""
    commits: int = 0
    """Commits whose files were read and compared."""
    slowest_opening: float = 0.0
    """Seconds from calling `store.open` after a round of kills to its return."""

    def __str__(self) -> str:
        roles = ", ".join(f"{count} {role}s" for role, count in sorted(self.by_role.items()))
        return (
            f"{self.kills} processes killed ({roles}) in {self.rounds} rounds; "
            f"{self.acknowledged} changes acknowledged, 0 lost; {self.commits} commits compared byte by byte; "
            f"slowest opening {self.slowest_opening * 1e3:.0f} ms"
        )


class Worker:
    """A process at work on a store."""

    def __init__(self, role: str, name: str, path: Path, seed: int, rng: random.Random) -> None:
        context = get_context("forkserver")
        self.role, self.name = role, name
        self.pipe, theirs = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(
            target=run, args=(role, path, name, seed, theirs), daemon=True
        )
        self.process.start()
        theirs.close()
        self.life = rng.uniform(0, LONGEST_LIFE)


def campaign(
    directory: Path,
    kills: int,
    seed: int,
    *,
    writers: int = 3,
    report: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Kill `kills` processes that are at work on stores in `directory`, in rounds of several.

    The same seed gives the same work and the same lives, as far as the machine's own timing allows. Raises
    AssertionError, or what the store raises, when anything that was acknowledged is not there; the store stays as it
    is then.
    """
    get_context("forkserver").set_forkserver_preload(["store.testing.crash.work"])
    rng, tally = random.Random(seed), Tally()
    while tally.kills < kills:
        path = directory / f"store-{tally.rounds}"
        with store.create(path) as data:
            data.create_repo(SHARED)
        ledger = Ledger(refs={SHARED: {"master": None}})
        for _ in range(ROUNDS_OF_A_STORE):
            if tally.kills < kills:
                _round(path, ledger, rng, writers, tally)
                look(path, ledger, tally)
                report(tally)
        _collect_all(path, ledger)
        tally.acknowledged += ledger.acknowledged
        tally.commits += len(ledger.written)
        shutil.rmtree(path)
    return tally


def _round(path: Path, ledger: Ledger, rng: random.Random, writers: int, tally: Tally) -> None:
    roles = [("writer", f"w{number}") for number in range(writers)]
    roles += [(role, role) for role in ("collector", "opener") if rng.random() < 0.5]
    workers = [Worker(role, name, path, rng.getrandbits(32), rng) for role, name in roles]
    try:
        for worker in workers:
            hear_until_ready(worker, ledger)
        begin = time.monotonic()
        for worker in sorted(workers, key=lambda worker: worker.life):
            hear(worker.pipe, worker, ledger, until=begin + worker.life)
            worker.process.kill()
            tally.kills += 1
            tally.by_role[worker.role] = tally.by_role.get(worker.role, 0) + 1
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()
    for worker in workers:
        hear(worker.pipe, worker, ledger, until=0)
        worker.pipe.close()
    tally.rounds += 1


def hear_until_ready(worker: Worker, ledger: Ledger) -> None:
    assert worker.pipe.poll(PATIENCE), f"{worker.name} does not get to work"
    message = worker.pipe.recv()
    assert message == "ready", message.text if isinstance(message, Failed) else message


def hear(pipe: Connection, worker: Worker, ledger: Ledger, *, until: float) -> None:
    """Enter what the worker says until then, or, when it is dead, all that it has said."""
    try:
        while pipe.poll(max(0.0, until - time.monotonic())):
            message = pipe.recv()
            assert not isinstance(message, Failed), f"{worker.name} failed:\n{message.text}"
            assert isinstance(message, Try | Done)
            ledger.hear(worker.name, message)
    except (EOFError, ConnectionResetError):
        time.sleep(max(0.0, until - time.monotonic()))


def look(path: Path, ledger: Ledger, tally: Tally) -> None:
    """Open the store as anyone would, and compare."""
    begin = time.perf_counter()
    with store.open(path) as data:
        tally.slowest_opening = max(tally.slowest_opening, time.perf_counter() - begin)
        assert_sound(data)
        ledger.settle(data)
        ledger.compare(data, ledger.fresh)
        ledger.fresh.clear()


def _collect_all(path: Path, ledger: Ledger) -> None:
    """Undisturbed sweeps leave no garbage, and everything that was acknowledged."""
    with store.open(path) as data:
        for _ in range(2):  # the last segment stays at the first, which may put another behind it
            data.sweep(data.plan_gc())
        again = data.plan_gc()
        assert (again.drop, again.freed) == (0, 0), "a sweep left garbage"
        assert_sound(data)
        ledger.compare(data, ledger.written)
