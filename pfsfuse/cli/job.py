"""`pfs job`: single runs of pipelines."""

from __future__ import annotations

import re
import shutil
import sys
from itertools import islice
from typing import TYPE_CHECKING

import click

from pfsfuse.cli import jsonout, text
from pfsfuse.cli.address import PipelineName, Reference
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.cat import PIECE
from pfsfuse.cli.group import Group

if TYPE_CHECKING:
    from pfsfuse.scheduler import Job, Ledger, Pipeline

ID = re.compile(r"[0-9a-fA-F]{1,32}")
"""The id of a job, or its first digits."""

COLORS = {"success": "green", "failed": "red", "killed": "red", "unrunnable": "red", "running": "yellow"}


@click.command(
    cls=Group,
    examples="""
    pfs job list  of all pipelines, newest first
    pfs job logs sales  what the newest job of sales printed
    """,
)
def job() -> None:
    """List and show jobs, and read their logs."""


@job.add(
    name="list",
    json=True,
    examples="""
    pfs job list  of all pipelines, newest first
    pfs job list sales -n 10  the last ten of one pipeline
    """,
)
@click.argument("pipeline", required=False, type=PipelineName())
@click.option("-n", "--number", type=click.IntRange(min=1), metavar="N", help="At most N jobs.")
@pass_app
def list_(app: App, pipeline: str | None, number: int | None) -> None:
    """List jobs, newest first."""
    import msgspec

    from pfsfuse.scheduler import Ledger

    with app.open() as opened:
        ledger = Ledger(opened)
        if pipeline is not None:
            get(ledger, pipeline)
        jobs = list(islice(ledger.jobs(pipeline), number))
    if app.json:
        jsonout.write_list(map(msgspec.to_builtins, jobs))
    else:
        print_jobs(jobs)


@job.add(
    json=True,
    examples="""
    pfs job show sales  the newest job of a pipeline
    pfs job show sales@1f3a5b7c  the job that made this commit
    """,
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@pass_app
def show(app: App, job: str) -> None:
    """Describe one job."""
    import msgspec

    from pfsfuse.scheduler import Ledger

    with app.open() as opened:
        found = find(Ledger(opened), job)
    if app.json:
        jsonout.write(msgspec.to_builtins(found))
        return
    text.fields(
        [
            ("job", f"{found.pipeline}@{found.id}"),
            ("state", state(found)),
            ("reason", text.safe(found.reason)),
            ("created", text.when(found.created_ns)),
            ("took", took(found)),
            (
                "datums",
                counts(found),
            ),
            ("caused by", f"{found.cause.repo}@{found.cause.commit}"),
        ]
    )
    for each in found.inputs:
        click.echo(f"  /pfs/{each.name}  {each.repo}@{each.branch} {each.commit}")


@job.add(
    examples="""
    pfs job logs sales  what the newest job printed
    pfs job logs sales@1f3a5b7c  what one job printed
    """
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@pass_app
def logs(app: App, job: str) -> None:
    """Write what the commands of a job printed, datum by datum.

    Datums whose result was known before have not run, and have no log here.
    """
    from pfsfuse.scheduler import Ledger, job_logs

    with app.open() as opened:
        files = job_logs(opened, find(Ledger(opened), job))
    for file in files:
        sys.stdout.flush()
        with file.open("rb") as stream:
            shutil.copyfileobj(stream, sys.stdout.buffer, PIECE)
    if not files:
        click.echo("nothing was printed", err=True)


def find(ledger: Ledger, job: str) -> Job:
    """The job that PIPELINE[@ID] names; without an id, the pipeline's newest. Raises JobError."""
    from pfsfuse.errors import JobError

    pipeline, _, id = job.partition("@")
    get(ledger, pipeline)
    if id:
        if not ID.fullmatch(id):
            raise JobError(
                f"{text.safe(id)!r} is not the id of a job", hint=f"`pfs job list {pipeline}` shows them"
            )
        return ledger.job(pipeline, id.lower())
    for newest in ledger.jobs(pipeline):
        return newest
    raise JobError(f"{pipeline} has had no job yet", hint="a job comes with the first commit of its inputs")


def get(ledger: Ledger, name: str) -> Pipeline:
    """The pipeline called `name`. Raises JobError when there is none, BadName when there cannot be one."""
    import store

    return ledger.pipeline(store.names.repo(name))


def state(job: Job) -> str:
    return click.style(job.state, fg=COLORS.get(job.state))


def counts(job: Job) -> str:
    """`31: 30 computed, 1 skipped`: datums by how they went, those there are."""
    found = {"computed": job.done, "skipped": job.skipped, "failed": job.failed, "recovered": job.recovered}
    return (
        f"{job.total}: {', '.join(f'{count} {word}' for word, count in found.items() if count) or 'none yet'}"
    )


def took(job: Job) -> str:
    if job.started_ns is None or job.finished_ns is None:
        return ""
    return text.span((job.finished_ns - job.started_ns) / text.NS)


def print_jobs(jobs: list[Job]) -> None:
    if not jobs:
        click.echo("no jobs; they come with commits to the inputs of pipelines", err=True)
        return
    text.table(
        ("JOB", "STATE", "DATUMS", "KNOWN", "CREATED", "TOOK", "REASON"),
        (
            (
                f"{each.pipeline}@{each.id[:8]}",
                state(each),
                f"{each.done + each.skipped}/{each.total}",
                str(each.skipped),
                text.when(each.created_ns),
                took(each),
                text.safe(text.first_line(each.reason)),
            )
            for each in jobs
        ),
    )
