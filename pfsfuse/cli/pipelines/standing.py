"""`pfs pipeline start`, `stop`, `run` and `delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.pipelines.finding import get, say_if_nobody_runs
from pfsfuse.cli.shared import jsonout
from pfsfuse.cli.shared.address import PipelineName, Reference, commit_only
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.deleting import confirm, yes_option
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from pfsfuse.scheduler import Job
    from store import Commit, Store


@click.command(
    cls=Command,
    examples="""
    pfs pipeline stop sales  its jobs wait, commits that arrive cause none
    """,
)
@click.argument("name", type=PipelineName())
@pass_app
def stop(app: App, name: str) -> None:
    """Let a pipeline rest until `pfs pipeline start`.

    A job that runs is interrupted, and goes on when the pipeline is started: what it has computed is kept.
    """
    from pfsfuse.scheduler import Ledger, stop_pipeline

    with app.open() as opened:
        get(Ledger(opened), name)
        stop_pipeline(opened, name)
    app.refresh()


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs pipeline start sales  one job for all that arrived meanwhile
    """,
)
@click.argument("name", type=PipelineName())
@pass_app
def start(app: App, name: str) -> None:
    """Let a stopped pipeline go on.

    Jobs that it had are finished first. Then one job runs on what its inputs hold now: it stands for all the commits
    that arrived meanwhile.
    """
    from pfsfuse.scheduler import Ledger, start_pipeline

    with app.open() as opened:
        spout = "spout" in get(Ledger(opened), name).spec
        job = start_pipeline(opened, name)
    app.refresh()
    if not spout:
        tell(app, job)


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs pipeline run sales  on what its inputs hold now
    pfs pipeline run sales trips@master.30  on an older commit of an input
    """,
)
@click.argument("name", type=PipelineName())
@click.argument("inputs", nargs=-1, metavar="[INPUT@REF]...", type=Reference())
@pass_app
def run(app: App, name: str, inputs: tuple[str, ...]) -> None:
    """Run a pipeline once more, on given commits of its inputs or on what they hold now.

    What was computed before is not computed again (`pfs pipeline update NAME --reprocess` does that). The result
    becomes the head of what the pipeline writes.
    """
    from pfsfuse.scheduler import Ledger, run_pipeline

    with app.open() as opened:
        get(Ledger(opened), name)
        job = run_pipeline(opened, name, chosen(opened, name, inputs))
    app.refresh()
    tell(app, job)


@click.command(
    cls=Command,
    examples="""
    pfs pipeline delete sales  asks first
    pfs pipeline delete sales --yes --keep-repo  keep what it computed
    """,
)
@click.argument("name", type=PipelineName())
@yes_option
@click.option("--keep-repo", is_flag=True, help="Keep what it computed, as a repo of your own.")
@click.option("--force", is_flag=True, help="Also when other pipelines read what it writes.")
@pass_app
def delete(app: App, name: str, yes: bool, keep_repo: bool, force: bool) -> None:
    """Delete a pipeline, its jobs, and the repo of what it computed.

    A repo that is kept can be edited as any other. A pipeline that is made again under the name takes it back.
    """
    from pfsfuse.scheduler import Ledger, delete_pipeline

    with app.open() as opened:
        get(Ledger(opened), name)
        confirm(yes, f"Delete the pipeline {name}" + ("?" if keep_repo else " and what it computed?"))
        delete_pipeline(opened, name, keep_repo=keep_repo, force=force)
    app.refresh()


@click.command(
    cls=Command,
    name="run-cron",
    examples="""
    pfs pipeline run-cron report  a tick now, besides those of its schedule
    pfs pipeline run-cron report day  of one of its clocks
    """,
)
@click.argument("name", type=PipelineName())
@click.argument("input", required=False, default="")
@pass_app
def run_cron(app: App, name: str, input: str) -> None:
    """Let the clocks of a pipeline tick now.

    A pipeline with a cron input runs at the times of its schedule; each tick is a commit in a repo of its own.
    """
    import time

    from pfsfuse.scheduler import Ledger, run_cron, spec_of

    with app.open() as opened:
        pipeline = get(Ledger(opened), name)
        for commit in run_cron(opened, pipeline, spec_of(pipeline), name=input, now_ns=time.time_ns()):
            click.echo(f"{commit.repo}@{commit.branch}.{commit.depth} {commit.id}")
    app.refresh()


def chosen(opened: Store, name: str, texts: tuple[str, ...]) -> dict[str, Commit]:
    """The commits that were typed, by the input that is to read them: an input's name, or its repo's, before the @."""
    from pfsfuse.pipeline import inputs
    from pfsfuse.scheduler import Ledger, spec_of

    leaves = inputs(spec_of(get(Ledger(opened), name)))
    commits: dict[str, Commit] = {}
    for typed in texts:
        input, _, ref = typed.partition("@")
        meant = [leaf for leaf in leaves if leaf.name == input] or [
            leaf for leaf in leaves if leaf.repo == input
        ]
        if len(meant) != 1:
            raise CommandError(
                f"pipeline {name} has {'no input' if not meant else 'several inputs'} {safe(input)!r}",
                hint=f"its inputs: {', '.join(leaf.name for leaf in leaves)}",
            )
        (leaf,) = meant
        commits[leaf.name] = commit_only(
            opened, f"{leaf.repo}@{ref}" if ref else f"{leaf.repo}@{leaf.branch}"
        )
    return commits


def tell(app: App, job: Job | None) -> None:
    """Which job was ordered."""
    import msgspec

    if app.json:
        jsonout.write(msgspec.to_builtins(job))
    elif job is None:
        click.echo("there is nothing new to run on", err=True)
    else:
        click.echo(f"{job.pipeline}@{job.id}")
        say_if_nobody_runs(app)
