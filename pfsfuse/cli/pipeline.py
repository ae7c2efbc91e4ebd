"""`pfs pipeline`: standing orders."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from pfsfuse.cli import jsonout, text
from pfsfuse.cli.address import PipelineName
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.group import Group
from pfsfuse.cli.job import get, state
from pfsfuse.cli.repo import confirm
from pfsfuse.cli.specfile import SPEC_FILE, read_spec_file, warn

if TYPE_CHECKING:
    from pfsfuse.pipeline import Spec
    from pfsfuse.scheduler import Job, Ledger, Pipeline
    from store import Store


@click.command(
    cls=Group,
    examples="""
    pfs pipeline create -f sales.yaml  from a specification
    pfs pipeline list  and how their newest jobs went
    pfs wait trips  until what they compute from trips is there
    """,
)
def pipeline() -> None:
    """Create, list, show and delete pipelines."""


@pipeline.add(
    examples="""
    pfs pipeline create -f sales.yaml  JSON or YAML, one pipeline or several
    pfs pipeline create -f - < sales.json  from standard input
    """
)
@click.option(
    "-f",
    "--file",
    "file",
    required=True,
    type=SPEC_FILE,
    help="Specifications, JSON or YAML; - is standard input.",
)
@pass_app
def create(app: App, file: str) -> None:
    """Create the pipelines that a file specifies.

    Specifications are Pachyderm's. A pipeline runs by itself: first on what its inputs hold now, then on each commit
    that arrives. When one of several cannot be created, none is.
    """
    from pfsfuse.pipeline import parse_specs

    spec_text, source, _ = read_spec_file(file)
    warnings: list[str] = []
    specs = parse_specs(spec_text, source=source, warnings=warnings)
    warn(warnings)
    with app.open() as opened:
        create_all(opened, specs)
    app.refresh()
    for spec in specs:
        click.echo(spec.name)


def create_all(store: Store, specs: list[Spec]) -> None:
    """Create each, inputs before what reads them; on an error, those that were created are deleted again."""
    from pfsfuse.pipeline import inputs, topological_order
    from pfsfuse.scheduler import create_pipeline, delete_pipeline

    by_name = {spec.name: spec for spec in specs}
    for repo in {leaf.repo for spec in specs for leaf in inputs(spec)} - by_name.keys():
        store.repo(repo)  # the likeliest mistake, found before anything is made
    had_repo = {name: store.find_repo(name) is not None for name in by_name}
    created: list[str] = []
    try:
        for name in topological_order(by_name):
            create_pipeline(store, by_name[name], now_ns=time.time_ns())
            created.append(name)
    except BaseException:
        for name in reversed(created):
            delete_pipeline(store, name, keep_repo=had_repo[name])
        raise


@pipeline.add(
    name="list",
    json=True,
    examples="""
    pfs pipeline list  names, inputs, newest jobs
    """,
)
@pass_app
def list_(app: App) -> None:
    """List pipelines."""
    from pfsfuse.scheduler import Ledger

    with app.open() as opened:
        ledger = Ledger(opened)
        found = [(each, newest_job(ledger, each.name)) for each in ledger.pipelines()]
    if app.json:
        jsonout.write_list(as_json(*each) for each in found)
    else:
        print_pipelines(found)


@pipeline.add(
    json=True,
    examples="""
    pfs pipeline show sales  its specification and its newest job
    """,
)
@click.argument("name", type=PipelineName())
@pass_app
def show(app: App, name: str) -> None:
    """Describe one pipeline, with its specification."""
    from pfsfuse.scheduler import Ledger

    with app.open() as opened:
        ledger = Ledger(opened)
        found = get(ledger, name)
        job = newest_job(ledger, name)
    if app.json:
        jsonout.write(as_json(found, job))
        return
    text.fields(
        [
            ("pipeline", found.name),
            ("description", text.safe(found.spec.get("description", ""))),
            ("created", text.when(found.created_ns)),
            ("newest job", f"{job.pipeline}@{job.id} {state(job)}" if job else "(none yet)"),
            ("reason", text.safe(text.first_line(job.reason)) if job else ""),
        ]
    )
    jsonout.write(found.spec)


@pipeline.add(
    examples="""
    pfs pipeline delete sales  asks first
    pfs pipeline delete sales --yes --keep-repo  keep what it computed
    """
)
@click.argument("name", type=PipelineName())
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-repo", is_flag=True, help="Keep what it computed, as a repo.")
@pass_app
def delete(app: App, name: str, yes: bool, keep_repo: bool) -> None:
    """Delete a pipeline, its jobs, and the repo of what it computed."""
    from pfsfuse.scheduler import Ledger, delete_pipeline

    with app.open() as opened:
        get(Ledger(opened), name)
        confirm(yes, f"Delete the pipeline {name}" + ("?" if keep_repo else " and what it computed?"))
        delete_pipeline(opened, name, keep_repo=keep_repo)
    app.refresh()


def newest_job(ledger: Ledger, name: str) -> Job | None:
    return next(iter(ledger.jobs(name)), None)


def as_json(found: Pipeline, job: Job | None) -> dict[str, Any]:
    import msgspec

    return {
        "name": found.name,
        "created": text.iso(found.created_ns),
        "version": found.version,
        "spec": found.spec,
        "job": msgspec.to_builtins(job) if job else None,
    }


def print_pipelines(found: list[tuple[Pipeline, Job | None]]) -> None:
    if not found:
        click.echo("no pipelines; `pfs pipeline create -f FILE` makes one", err=True)
        return
    text.table(
        ("PIPELINE", "NEWEST JOB", "STATE", "DATUMS", "DESCRIPTION"),
        (
            (
                each.name,
                f"{job.pipeline}@{job.id[:8]}" if job else "(none yet)",
                state(job) if job else "",
                f"{job.done + job.skipped}/{job.total}" if job else "",
                text.safe(each.spec.get("description", "")),
            )
            for each, job in found
        ),
    )
