"""`pfs job`: single runs of pipelines."""

from __future__ import annotations

import time
from itertools import islice

import click

from pfsfuse.cli.pipelines.finding import ID, find, get, say_if_nobody_runs
from pfsfuse.cli.pipelines.joblogs import write_logs
from pfsfuse.cli.pipelines.jobtext import datum_json, print_datums, print_job, print_jobs, state
from pfsfuse.cli.pipelines.span import Span
from pfsfuse.cli.shared import jsonout
from pfsfuse.cli.shared.address import PipelineName, Reference
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Group
from pfsfuse.cli.shared.text import safe

STATES = ("created", "running", "egressing", "success", "failed", "killed", "unrunnable")


@click.command(
    cls=Group,
    examples="""
    pfs job list  of all pipelines, newest first
    pfs job logs sales -f  what the newest job of sales prints, as it comes
    pfs job stop sales  end it
    pfs job retry sales  run it again, with what is downstream of it
    """,
)
def job() -> None:
    """List, show, stop and retry jobs, and read their logs."""


@job.add(
    name="list",
    json=True,
    examples="""
    pfs job list  of all pipelines, newest first
    pfs job list sales -n 10  the last ten of one pipeline
    pfs job list 1f3a5b7c  everything that one commit brought about
    pfs job list --state failed --state killed  those that were lost
    """,
)
@click.argument("which", required=False, metavar="[PIPELINE|ID]", type=PipelineName())
@click.option("-p", "--pipeline", type=PipelineName(), help="Only the jobs of this pipeline.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("-n", "--number", type=click.IntRange(min=1), metavar="N", help="At most N jobs.")
@pass_app
def list_(
    app: App, which: str | None, pipeline: str | None, states: tuple[str, ...], number: int | None
) -> None:
    """List jobs, newest first.

    The jobs that one commit brings about have its id, or name it as their cause: ID shows those of all pipelines.
    """
    import msgspec

    from pfsfuse.scheduler import Ledger

    with app.open() as opened:
        ledger = Ledger(opened)
        id = (
            which.lower()
            if which is not None and ledger.find_pipeline(which) is None and ID.fullmatch(which)
            else ""
        )
        if not id and which is not None:
            if pipeline not in (None, which):
                raise click.UsageError(f"{which} and {pipeline} are two pipelines; name one")
            pipeline = which
        if pipeline is not None:
            get(ledger, pipeline)
        wanted = (
            each
            for each in ledger.jobs(pipeline)
            if (not states or each.state in states)
            and (each.id.startswith(id) or each.cause.commit.startswith(id))
        )
        jobs = list(islice(wanted, number))
    if app.json:
        jsonout.write_list(map(msgspec.to_builtins, jobs))
    else:
        print_jobs(jobs)


@job.add(
    json=True,
    examples="""
    pfs job show sales  the newest job of a pipeline
    pfs job show sales@1f3a5b7c  the job that made this commit
    pfs job show sales --datums  and how each of its datums went
    """,
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@click.option("--datums", is_flag=True, help="Show each datum as well.")
@pass_app
def show(app: App, job: str, datums: bool) -> None:
    """Describe one job."""
    import msgspec

    from pfsfuse.scheduler import Ledger, iter_datums, spec_of_job

    with app.open() as opened:
        found = find(Ledger(opened), job)
        each = iter_datums(opened, spec_of_job(opened, found), found) if datums else iter(())
        if app.json:
            more = {"datums": [datum_json(one) for one in each]} if datums else {}
            jsonout.write({**msgspec.to_builtins(found), **more})
            return
        print_job(found)
        if datums:
            click.echo()
            print_datums(each)


@job.add(
    json=True,
    examples="""
    pfs job logs sales  what the newest job printed
    pfs job logs sales -f  and what it prints, until it ends
    pfs job logs sales@1f3a5b7c --input trips:7-01-16  of the datums that read a file
    pfs job logs sales --datum 8a4f --tail 20  the end of one datum's
    pfs job logs sales --since 10m --json  one object a line, with times
    """,
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option(
    "--datum", "datums", multiple=True, metavar="ID", help="Only of this datum; first digits will do."
)
@click.option(
    "--input", "paths", multiple=True, metavar="[NAME:]PATH", help="Only of datums that read this path."
)
@click.option("--since", type=Span(), metavar="TIME", help="Only what came in the last TIME (10m, 1h30m).")
@click.option(
    "--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N lines (then what comes)."
)
@pass_app
def logs(
    app: App,
    job: str,
    follow: bool,
    datums: tuple[str, ...],
    paths: tuple[str, ...],
    since: float | None,
    tail: int | None,
) -> None:
    """Write what the commands of a job printed, datum by datum.

    Datums whose result was known before have not run; asked for by --datum or --input, they show the log of the job
    that computed them. Of a datum that printed more than 16 MiB the beginning and the end are kept.
    """
    from pfsfuse.errors import JobError
    from pfsfuse.role import Role, is_played
    from pfsfuse.scheduler import Ledger, find_datum, spec_of_job
    from pfsfuse.scheduler.logs import reading

    with app.open() as opened:
        found = find(Ledger(opened), job)
        only: list[str] | None = None
        if datums or paths:
            given = spec_of_job(opened, found)
            only = [find_datum(opened, given, found, each).datum.id for each in datums]
            for path in paths:
                read = reading(opened, given, found, path)
                if not read:
                    name = f"{found.pipeline}@{found.id[:8]}"
                    raise JobError(
                        f"no datum of {name} reads {safe(path)!r}",
                        hint=f"`pfs datum list {name}` shows what each of them reads",
                    )
                only += read
        if follow and not found.ended and not is_played(opened.path, Role.SCHEDULER):
            click.echo(
                "nobody runs pipelines for this store, so nothing comes until `pfs mount` or `pfs scheduler` does",
                err=True,
            )
        since_ns = time.time_ns() - round(since * 1e9) if since is not None else 0
        any_log = write_logs(
            opened, found, only=only, since_ns=since_ns, tail=tail, follow=follow, as_json=app.json
        )
    if not any_log:
        click.echo("nothing was printed", err=True)


@job.add(
    json=True,
    examples="""
    pfs job stop sales  the job of sales that has not ended
    pfs job stop sales@1f3a5b7c  this one
    """,
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@pass_app
def stop(app: App, job: str) -> None:
    """End a job: its commands are killed, its record says so.

    What its datums have computed is kept, and not computed again. Jobs downstream of it cannot be run.
    """
    import msgspec

    from pfsfuse.scheduler import Ledger, stop_job

    with app.open() as opened:
        ended = stop_job(opened, find(Ledger(opened), job, open_first=True), wake=app.refresh)
    if app.json:
        jsonout.write(msgspec.to_builtins(ended))
    else:
        click.echo(f"{ended.pipeline}@{ended.id} {state(ended)}")


@job.add(
    json=True,
    examples="""
    pfs job retry sales  its newest job, and what is downstream of it
    """,
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@pass_app
def retry(app: App, job: str) -> None:
    """Run a job that was lost again, under a new id, with the jobs downstream of it.

    What it has computed is not computed again. Prints the new job; it runs as soon as pipelines run.
    """
    from pfsfuse.scheduler import Ledger, request_retry

    with app.open() as opened:
        found = find(Ledger(opened), job)
        id = request_retry(opened, found)
    app.refresh()
    if app.json:
        jsonout.write({"pipeline": found.pipeline, "id": id})
    else:
        click.echo(f"{found.pipeline}@{id}")
        say_if_nobody_runs(app)


@job.add(
    json=True,
    examples="""
    pfs job wait sales  until the newest job of sales has ended
    """,
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@pass_app
def wait(app: App, job: str) -> None:
    """Wait until one job has ended; an error when it was lost."""
    import msgspec

    from pfsfuse.cli.pipelines.bars import showing
    from pfsfuse.scheduler import Ledger, wait_for_job

    with app.open() as opened:
        found = find(Ledger(opened), job)
        with showing(opened, found.cause.commit, only={found.pipeline}):
            ended = wait_for_job(opened, found)
    app.refresh()
    if app.json:
        jsonout.write(msgspec.to_builtins(ended))
    else:
        click.echo(f"{ended.pipeline}@{ended.id} {state(ended)}")
