"""What is timed of pipelines, each in a process of its own: `python -m scripts.benchmarks.scheduling TASK JSON`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import trio

import store
from pfsfuse.pipeline import Spec, enumerate_datums, parse_specs
from pfsfuse.scheduler import Job, Ledger, create_pipeline
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.worker.api import datum_pin
from pfsfuse.worker.local import open_local_executor
from store import Store

EACH_WRITES = ["sh", "-c", "for f in /pfs/in/*; do cp $f /pfs/out; done"]
BATCH = 5_000
LOOK_SECONDS = 0.05
"""Between two looks whether a job has ended: fifty a second took 2 % of the processor from what was measured."""


def spec(cmd: list[str], glob: str = "/*", **more: object) -> Spec:
    document = {"pipeline": {"name": "out"}, "transform": {"cmd": cmd}} | more
    (parsed,) = parse_specs(
        json.dumps(document | {"input": {"pfs": {"repo": "in", "glob": glob}}}), source="bench"
    )
    return parsed


def filled(path: Path, count: int) -> Store:
    """A new store with a repo of so many small files."""
    opened = store.create(path)
    for name in ("run", "logs", "scratch"):
        (path / name).mkdir()
    with opened.create_repo("in").edit() as edit:
        for number in range(count):
            edit.write(f"{number:06d}", b"%d" % number)
    return opened


def run_jobs(opened: Store, slots: int, *changes: Callable[[], object]) -> list[float]:
    """Schedule; make one change after another, and wait for the job that it causes: the seconds that each took."""

    async def until(holds: Callable[[], bool]) -> None:
        while True:
            seen = opened.last_txnid()
            if holds():
                return
            while opened.last_txnid() == seen:
                await trio.sleep(LOOK_SECONDS)

    async def go() -> list[float]:
        took = []
        async with open_local_executor(opened.path, slots) as executor, trio.open_nursery() as nursery:
            await nursery.start(Scheduler(opened, executor).run)
            for change in changes:
                jobs = len(Ledger(opened).jobs("out")) if Ledger(opened).find_pipeline("out") else 0
                change()
                start = time.perf_counter()
                await until(lambda jobs=jobs: len(Ledger(opened).jobs("out")) > jobs)
                await until(lambda: not Ledger(opened).open_jobs())
                took.append(time.perf_counter() - start)
            nursery.cancel_scope.cancel()
        return took

    return trio.run(go)


def last_job(opened: Store) -> Job:
    job = Ledger(opened).jobs("out")[0]
    assert job.state == "success", job.reason
    return job


def datums(path: str, count: int, slots: int, cmd: list[str]) -> dict[str, Any]:
    """A job of so many datums of one command."""
    with filled(Path(path), count) as opened:
        (seconds,) = run_jobs(opened, slots, partial(create_pipeline, opened, spec(cmd)))
        return {"seconds": seconds, "done": last_job(opened).done}


def spun(path: str, count: int, slots: int, turns: int, cmd: list[str]) -> dict[str, Any]:
    """A job of so many datums that compute for some `turns`, once the workers have been started by a job with little to
    do; and what this process, which schedules, took of the CPU meanwhile."""
    cpu: list[float] = []
    with filled(Path(path), 0) as opened:

        def add(files: int, each: int) -> None:
            cpu.append(time.process_time())
            with opened.repo("in").edit() as edit:
                for number in range(files):
                    edit.write(f"{each}-{number}", b"%d" % each)

        create_pipeline(opened, spec(cmd))
        _, seconds = run_jobs(opened, slots, partial(add, slots, 1), partial(add, count, turns))
        own = time.process_time() - cpu[-1]
        return {"seconds": seconds, "own": own, "done": last_job(opened).done}


def seed(path: str, count: int) -> dict[str, Any]:
    """A store in which so many datums have been computed; no job of it has run yet."""
    with filled(Path(path), count) as opened:
        head = opened.resolve_commit("in")
        made: dict[bytes, bytes] = {}
        with opened.edit_tree() as everything:
            for datum in enumerate_datums(spec(EACH_WRITES), [head]):
                name = datum.inputs[0].path
                everything.write(f"{name}/{name}", b"%d" % int(name))
                made[datum_pin(datum.id)] = name.encode()
            root = everything.save()
        trees = {entry.name: entry.renamed(b"") for entry in opened.iter_directory(root)}
        names = list(made)
        for start in range(0, count, BATCH):
            batch = names[start : start + BATCH]
            opened.pins.put_all({pin: (trees[made[pin]], b"{}") for pin in batch})
    return {}


def known(path: str) -> dict[str, Any]:
    """The job of a store whose datums have all been computed: what holds the most at once."""
    with store.open(path) as opened:
        (seconds,) = run_jobs(opened, 2, partial(create_pipeline, opened, spec(EACH_WRITES)))
        job = last_job(opened)
        return {"seconds": seconds, "total": job.total, "skipped": job.skipped}


def one_more(path: str) -> dict[str, Any]:
    """Add a file, and wait for its job; the first time starts a worker, the second time is what counts."""
    with store.open(path) as opened:
        repo, jobs = opened.repo("in"), len(Ledger(opened).jobs("out"))

        def add(number: int) -> None:
            with repo.edit() as edit:
                edit.write(f"new-{jobs}-{number}", b"new-%d-%d" % (jobs, number))

        _, seconds = run_jobs(opened, 2, partial(add, 1), partial(add, 2))
        return {"seconds": seconds, "done": last_job(opened).done}


def listed(path: str) -> dict[str, Any]:
    """Every datum of a specification."""
    with store.open(path) as opened:
        head = opened.resolve_commit("in")
        start = time.perf_counter()
        count = sum(1 for _ in enumerate_datums(spec(EACH_WRITES), [head]))
        return {"seconds": time.perf_counter() - start, "count": count}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "datums": datums,
    "spun": spun,
    "seed": seed,
    "known": known,
    "one-more": one_more,
    "listed": listed,
}


def main() -> None:
    json.dump(partial(TASKS[sys.argv[1]], **json.loads(sys.argv[2]))(), sys.stdout)


if __name__ == "__main__":
    main()
