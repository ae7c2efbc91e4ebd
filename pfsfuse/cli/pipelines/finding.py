"""The pipeline and the job that somebody names, and whether anybody runs what is ordered of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from pfsfuse.cli.shared.app import App
    from pfsfuse.scheduler import Job, Ledger, Pipeline

ID = re.compile(r"[0-9a-fA-F]{1,32}")
"""The id of a job, or its first digits."""


def find(ledger: Ledger, job: str, *, open_first: bool = False) -> Job:
    """The job that PIPELINE[@ID] names; without an id the pipeline's newest, or the one that is to run next, if
    `open_first` and there is one. Raises JobError."""
    from pfsfuse.errors import JobError

    pipeline, _, id = job.partition("@")
    given = get(ledger, pipeline)
    if "spout" in given.spec:
        raise JobError(
            f"{pipeline!r} is a spout: it runs all the time, and has no jobs",
            hint=f"`pfs pipeline show {pipeline}` shows how it is, and where its log is",
        )
    if id:
        if not ID.fullmatch(id):
            raise JobError(
                f"{safe(id)!r} is not the id of a job", hint=f"`pfs job list {pipeline}` shows them"
            )
        return ledger.job(pipeline, id.lower())
    jobs = ledger.jobs(pipeline)
    if not jobs:
        raise JobError(
            f"{pipeline} has had no job yet", hint="a job comes with the first commit of its inputs"
        )
    unended = [each for each in jobs if not each.ended] if open_first else []
    return min(unended, key=lambda each: each.number) if unended else jobs[0]


def get(ledger: Ledger, name: str) -> Pipeline:
    """The pipeline called `name`. Raises JobError when there is none, BadName when there cannot be one."""
    import store

    return ledger.pipeline(store.names.repo(name))


def say_if_nobody_runs(app: App) -> None:
    """That what was ordered waits until pipelines are run; nothing when they are."""
    from pfsfuse.role import Role, is_played

    if not is_played(app.store_path(), Role.SCHEDULER):
        click.echo(
            "nobody runs pipelines for this store, so it waits until `pfs mount` or `pfs scheduler` does",
            err=True,
        )
