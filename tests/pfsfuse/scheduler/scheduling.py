"""Commits, specifications, and a scheduler that is run until there is nothing left to do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

import trio

from pfsfuse.pipeline import Spec, parse_specs
from pfsfuse.scheduler import Job, Ledger
from pfsfuse.scheduler.arrivals import find_arrivals
from pfsfuse.scheduler.deploy import readable
from pfsfuse.scheduler.history import StoreHistory
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.scheduler.triggers import triggers, unseen
from pfsfuse.worker.api import Executor
from store import Commit, Store


def put(store: Store, repo: str, files: Mapping[str, bytes], *, branch: str = "master") -> Commit:
    """One commit with these files added."""
    with store.repo(repo).edit(branch) as edit:
        for path, data in files.items():
            edit.write(path, data)
    assert edit.result is not None
    return edit.result


def spec(name: str, *inputs: str, cmd: str = "true", glob: str = "/*", **more: object) -> Spec:
    """The specification of a pipeline that runs a shell command on the cross of these repos."""
    leaves = [{"pfs": {"repo": repo, "glob": glob}} for repo in inputs]
    document = {
        "pipeline": {"name": name},
        "transform": {"cmd": ["sh", "-c", cmd]},
        "input": leaves[0] if len(leaves) == 1 else {"cross": leaves},
    }
    (parsed,) = parse_specs(json.dumps(document | more), source="test")
    return parsed


def run(function: Callable[[], Awaitable[None]], *, seconds: float = 280.0) -> None:
    """Run an async function that may take this long."""

    async def limited() -> None:
        with trio.fail_after(seconds):
            await function()

    trio.run(limited)


def settle(store: Store, executor: Executor) -> None:
    """Schedule until every job has ended and every arrival has been planned."""

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            scheduler = Scheduler(store, executor, poll_seconds=0.01)
            await nursery.start(scheduler.run)
            await settled(store)
            nursery.cancel_scope.cancel()

    run(go)


async def settled(store: Store) -> None:
    """Wait until every job has ended and every arrival has been planned."""
    while not is_settled(store):
        await trio.sleep(0.01)


def is_settled(store: Store) -> bool:
    # In the order in which one causes the other: what is planned in between is then seen twice, and not overlooked.
    ledger = Ledger(store)
    following = triggers(store).values()
    moving = any(unseen(store, each) for each in following if not each.trigger.cron_spec)
    requests = ledger.requests()
    specs = readable(each for each in ledger.pipelines() if not each.paused)
    arrived = find_arrivals(specs, ledger.cursors(), StoreHistory(store))
    waiting = any(job.pipeline in specs for job in ledger.open_jobs())
    return not (moving or requests or arrived or waiting)


def told(store: Store, pipeline: str) -> list[Job]:
    """The pipeline's jobs, oldest first."""
    return sorted(Ledger(store).iter_jobs(pipeline), key=lambda job: job.number)


def files(commit: Commit | None) -> dict[str, bytes]:
    """Every file of a commit with its contents."""
    assert commit is not None
    return {path.decode(): commit.read(path) for path, entry in commit.walk() if entry.is_file}
