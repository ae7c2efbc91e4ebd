"""How far jobs are, a bar for each, while something waits for them; on a terminal only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pfsfuse.scheduler import Job
    from store import Store

EVERY_SECONDS = 0.2


@contextmanager
def showing(store: Store, *commits: str, only: Collection[str] | None = None) -> Iterator[None]:
    """Keep a bar on the terminal for each job that one of these commits (32 hex digits) brought about, or that has its
    id; of the pipelines `only`, if given. Nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(store, commits, only, ended.wait), name="progress")
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def jobs_of(store: Store, commits: Collection[str], only: Collection[str] | None = None) -> list[Job]:
    """The newest job of each pipeline that belongs to one of the commits, upstream before downstream."""
    from pfsfuse.scheduler import Ledger

    newest: dict[str, Job] = {}
    ledger = Ledger(store)
    jobs = chain.from_iterable(map(ledger.iter_jobs, only)) if only is not None else ledger.iter_jobs()
    for job in jobs:
        if job.id in commits or job.cause.commit in commits:
            known = newest.get(job.pipeline)
            newest[job.pipeline] = job if known is None or job.number > known.number else known
    ordered: list[Job] = []
    left = sorted(newest.values(), key=lambda job: job.pipeline)
    while left:
        waiting = {job.pipeline for job in left}
        ready = [job for job in left if not waiting & {each.repo for each in job.inputs}]
        ordered += ready or left
        left = [job for job in left if job not in ordered]
    return ordered


def facts(job: Job) -> dict[str, Any]:
    """What the bar of a job shows: how much of what, and a word."""
    known = job.started_ns is not None
    word: str = job.state
    for count, lost in ((job.failed, "failed"), (job.recovered, "recovered")):
        if count:
            word += f", {count} {lost}"
    return {
        "description": job.pipeline,
        "total": float(max(job.total, 1)) if job.ended else float(job.total) if known and job.total else None,
        "completed": float(job.done + job.skipped + job.failed + job.recovered or job.ended),
        "count": f"{job.done + job.skipped}/{job.total}" if job.total else "",
        "word": word,
    }


def _watch(
    store: Store, commits: Collection[str], only: Collection[str] | None, wait: Callable[[float], bool]
) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[word]}"),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        while not wait(EVERY_SECONDS):
            for job in jobs_of(store, commits, only):
                shown = facts(job)
                if job.pipeline not in tasks:
                    tasks[job.pipeline] = progress.add_task(start=True, **shown)
                progress.update(tasks[job.pipeline], **shown)
                if job.ended:
                    progress.stop_task(tasks[job.pipeline])
            progress.refresh()
