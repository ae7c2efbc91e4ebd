"""`pfs run`: a pipeline and everything downstream of it, until it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.pipelines.bars import showing
from pfsfuse.cli.pipelines.deploying import FILE_HELP, deploy_all, read_specs
from pfsfuse.cli.pipelines.finding import get
from pfsfuse.cli.pipelines.jobtext import print_outputs
from pfsfuse.cli.pipelines.showing import newest_job
from pfsfuse.cli.pipelines.specfile import SPEC_FILE, require_no_file
from pfsfuse.cli.pipelines.standing import chosen
from pfsfuse.cli.shared.address import PipelineName, Reference
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from pfsfuse.scheduler import Job
    from store import Commit, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs run sales  on what its inputs hold now
    pfs run sales trips@master.30  on an older commit of an input
    pfs run -f sales.yaml  create the pipeline, or make it what the file says
    """,
)
@click.argument("name", required=False, type=PipelineName(), metavar="[PIPELINE")
@click.argument("inputs", nargs=-1, metavar="[INPUT@REF]...]", type=Reference())
@click.option("-f", "--file", "file", type=SPEC_FILE, help=FILE_HELP)
@pass_app
def run(app: App, name: str | None, inputs: tuple[str, ...], file: str | None) -> None:
    """Run a pipeline, and wait until it and everything downstream of it is computed.

    As `pfs pipeline run` and `pfs pipeline update -f` and then `pfs wait`; a pipeline that is what the file says
    already runs again only if its newest job was lost. Prints the commits that were computed, one a line. On a
    terminal, a bar for each job says how far it is.
    """
    from pfsfuse.scheduler import Ledger, run_pipeline

    if (name is None) == (file is None):
        raise click.UsageError("a pipeline is needed, or a specification (-f FILE), and not both")
    if name is not None:
        require_no_file(name)
    with app.open() as opened:
        if file is not None:
            jobs = deployed(app, opened, file)
        else:
            assert name is not None  # one of the two is given
            get(Ledger(opened), name)
            jobs = [run_pipeline(opened, name, chosen(opened, name, inputs))]
            app.refresh()
        outputs = computed(opened, jobs)
        print_outputs(app, outputs)


def deployed(app: App, opened: Store, file: str) -> list[Job]:
    """Create or update what the file specifies; the jobs that give its results, upstream before downstream.

    Raises JobError, and nothing has changed, when one of the pipelines is stopped.
    """
    from pfsfuse.pipeline import inputs, topological_order
    from pfsfuse.scheduler import Ledger, run_pipeline

    specs = {spec.name: spec for spec in read_specs(file)}
    ledger = Ledger(opened)
    for name, spec in specs.items():
        found = ledger.find_pipeline(name)
        if found is not None and found.paused and spec.spout is None:
            raise CommandError(f"pipeline {name!r} is stopped", hint=f"`pfs pipeline start {name}` first")
    deploy_all(app, opened, list(specs.values()), update=True, quiet=True)
    jobs = []
    for name in topological_order(specs):
        if specs[name].spout is not None:
            click.echo(f"{name}: a spout runs all the time", err=True)
            continue
        job = newest_job(ledger, name)
        if job is not None and job.version < ledger.pipeline(name).oldest:
            job = None  # of what it was before: an input that it has now holds nothing
        elif job is not None and job.lost:
            job = run_pipeline(opened, name)
            app.refresh()
        if job is not None:
            jobs.append(job)
        elif not any(leaf.repo in specs for leaf in inputs(specs[name])):
            click.echo(f"{name}: its first job comes with the first commits of its inputs", err=True)
    return jobs


def computed(opened: Store, jobs: list[Job]) -> list[Commit]:
    """Wait for jobs and all that follows from what they compute; the commits, upstream before downstream.

    A job that another of its pipeline has followed by then, since it was downstream of one of the others, is passed
    over. Raises JobError when one of them is lost, DaemonError when nobody schedules.
    """
    from pfsfuse.pipeline import downstream_of
    from pfsfuse.scheduler import Ledger, readable, wait_for, wait_for_job

    ledger = Ledger(opened)
    specs = readable(ledger.pipelines())
    shown = {name for job in jobs for name in (job.pipeline, *downstream_of(job.pipeline, specs))}
    found: dict[tuple[str, str], Commit] = {}
    numbers: dict[str, int] = {}
    with showing(opened, *(job.id for job in jobs), only=shown):
        for job in jobs:
            if job.number < numbers.get(job.pipeline, 0):
                continue
            wait_for_job(opened, job)
            made = opened.resolve_commit(f"{job.pipeline}@{job.id}")
            found[made.repo, str(made.id)] = made
            for repo, id in wait_for(opened, made):
                found[repo, str(id)] = opened.commit(repo, id)
                numbers[repo] = max(numbers.get(repo, 0), ledger.job(repo, str(id)).number)
    return list(found.values())
