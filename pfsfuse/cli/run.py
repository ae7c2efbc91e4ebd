"""`pfs run`: a pipeline and everything downstream of it, until it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli import jsonout
from pfsfuse.cli.address import PipelineName, Reference, str_commit
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.bars import showing
from pfsfuse.cli.group import Command
from pfsfuse.cli.job import get
from pfsfuse.cli.pipeline.deploying import FILE_HELP, deploy_all, read_specs
from pfsfuse.cli.pipeline.showing import newest_job
from pfsfuse.cli.pipeline.standing import chosen
from pfsfuse.cli.specfile import SPEC_FILE, require_no_file

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
        app.refresh()  # what is printed here is what a mount shows next
        if app.json:
            jsonout.write_list(map(jsonout.commit, outputs))
            return
        for output in outputs:
            click.echo(f"{str_commit(output)} {output.id}")


def deployed(app: App, opened: Store, file: str) -> list[Job]:
    """Create or update what the file specifies; the jobs that give its results."""
    from pfsfuse.scheduler import Ledger, run_pipeline

    specs = read_specs(file)
    deploy_all(app, opened, specs, update=True, quiet=True)
    jobs = []
    for spec in specs:
        if spec.spout is not None:
            click.echo(f"{spec.name}: a spout runs all the time", err=True)
            continue
        job = newest_job(Ledger(opened), spec.name)
        if job is not None and job.lost:
            job = run_pipeline(opened, spec.name)
            app.refresh()
        if job is not None:
            jobs.append(job)
        elif not any(each.name in _sources(opened, spec.name) for each in specs):
            click.echo(f"{spec.name}: its first job comes with the first commits of its inputs", err=True)
    return jobs


def _sources(opened: Store, name: str) -> set[str]:
    from pfsfuse.pipeline import inputs
    from pfsfuse.scheduler import Ledger, spec_of

    return {leaf.repo for leaf in inputs(spec_of(Ledger(opened).pipeline(name)))}


def computed(opened: Store, jobs: list[Job]) -> list[Commit]:
    """Wait for jobs and all that follows from what they compute; the commits, upstream before downstream.

    Raises JobError when one of them is lost, DaemonError when nobody schedules.
    """
    from pfsfuse.pipeline import downstream_of
    from pfsfuse.scheduler import Ledger, spec_of, wait_for, wait_for_job

    found: dict[tuple[str, str], Commit] = {}
    specs = {each.name: spec_of(each) for each in Ledger(opened).pipelines()}
    shown = {name for job in jobs for name in (job.pipeline, *downstream_of(job.pipeline, specs))}
    with showing(opened, *(job.id for job in jobs), only=shown):
        for job in jobs:
            wait_for_job(opened, job)
            made = opened.resolve_commit(f"{job.pipeline}@{job.id}")
            found[made.repo, str(made.id)] = made
            for repo, id in wait_for(opened, made):
                found[repo, str(id)] = opened.commit(repo, id)
    return list(found.values())
