"""What to do next about jobs that have not ended: pure functions of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pfsfuse.scheduler.job import WORDS, Job, State


@dataclass(frozen=True, slots=True)
class Run:
    """This job's inputs are there: run it."""

    job: Job


@dataclass(frozen=True, slots=True)
class Fail:
    """This job can never run."""

    job: Job
    reason: str
    state: State = "unrunnable"
    """How it ends."""


def next_steps(open_jobs: Iterable[Job], find_job: Callable[[str, str], Job | None]) -> list[Run | Fail]:
    """What can be done now: at most one step for each pipeline, whose jobs are run in the order of their
    causes."""
    first: dict[str, Job] = {}
    for job in sorted(open_jobs, key=lambda job: job.number):
        first.setdefault(job.pipeline, job)
    steps: list[Run | Fail] = []
    for job in first.values():
        upstream = [found for each in job.inputs if (found := find_job(each.repo, each.commit)) is not None]
        if lost := [f"{each.pipeline} {WORDS[each.state]}" for each in upstream if each.lost]:
            steps.append(Fail(job, f"upstream {' and '.join(lost)}"))
        elif all(each.ended for each in upstream):
            steps.append(Run(job))
    return steps
