"""`pfs pipeline list`, `show`, `spec` and `log`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from pfsfuse.cli.pipelines.finding import get
from pfsfuse.cli.pipelines.jobtext import state
from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import PipelineName, Reference, commit_only, str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from pfsfuse.scheduler import Job, Ledger, Pipeline
    from pfsfuse.service.spouts.record import SpoutStatus
    from store import Store


@click.command(
    name="list",
    cls=Command,
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
        spouts = {each.name: spout_of(opened, each) for each, _ in found}
    if app.json:
        jsonout.write_list(as_json(*each, spouts[each[0].name]) for each in found)
    else:
        print_pipelines(found, spouts)


@click.command(
    cls=Command,
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
        spout = spout_of(opened, found)
    if app.json:
        jsonout.write(as_json(found, job, spout))
        return
    text.fields(
        [
            ("pipeline", found.name),
            ("description", text.safe(found.spec.get("description", ""))),
            ("state", state_of(found, job, spout)),
            ("created", text.when(found.created_ns)),
            ("version", f"{found.version} of {text.when(found.updated_ns)}" if found.updated_ns else ""),
            ("newest job", newest(job) if "spout" not in found.spec else ""),
            ("reason", text.safe(text.first_line(job.reason)) if job else spout.reason if spout else ""),
            ("restarts", str(spout.restarts) if spout and spout.restarts else ""),
            ("log", spout_log(opened, found) if spout else ""),
        ]
    )
    jsonout.write(found.spec)


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs pipeline spec sales > sales.json  as it is now
    pfs pipeline spec sales@master.31  the one that this commit was made with
    pfs pipeline spec sales --version 1 --yaml  an older one, as YAML
    """,
)
@click.argument("name", metavar="PIPELINE[@REF]", type=Reference())
@click.option("--version", "version", type=click.IntRange(min=1), help="The one with this number.")
@click.option("--yaml", "as_yaml", is_flag=True, help="YAML instead of JSON.")
@pass_app
def spec(app: App, name: str, version: int | None, as_yaml: bool) -> None:
    """Write a pipeline's specification, as `pfs pipeline create` takes it: as JSON, with or without --json."""
    if as_yaml and app.json:
        raise click.UsageError("--yaml and --json contradict each other")
    with app.open() as opened:
        found = version_meant(opened, name, version)
    if as_yaml:
        import yaml

        click.echo(yaml.safe_dump(found.spec, sort_keys=False, allow_unicode=True), nl=False)
    else:
        jsonout.write(found.spec)


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs pipeline log sales  its versions, newest first, and what each changed
    """,
)
@click.argument("name", type=PipelineName())
@pass_app
def log(app: App, name: str) -> None:
    """List the versions of a pipeline, newest first."""
    with app.open() as opened:
        found = versions(opened, name)
    told = [(each, changed(before.spec, each.spec)) for before, each in pairwise(found)]
    rows = [*reversed(told), (found[0], [])]
    if app.json:
        jsonout.write_list(
            {"version": each.version, "made": text.iso(made_ns(each)), "changed": fields, "spec": each.spec}
            for each, fields in rows
        )
        return
    text.table(
        ("VERSION>", "MADE", "CHANGED"),
        ((str(each.version), text.day(made_ns(each)), ", ".join(fields)) for each, fields in rows),
    )


def versions(opened: Store, name: str) -> list[Pipeline]:
    """All there are, oldest first: of a pipeline, or of one that was deleted and whose repo was kept."""
    import store
    from pfsfuse.scheduler import Ledger

    ledger = Ledger(opened)
    return ledger.versions(store.names.repo(name)) or [ledger.pipeline(name)]


def version_meant(opened: Store, name: str, version: int | None) -> Pipeline:
    """What PIPELINE[@REF] and `--version` name together."""
    from pfsfuse.scheduler import Ledger

    pipeline, at, _ = name.partition("@")
    number = version
    if at:
        if version is not None:
            raise click.UsageError("a commit and --version each name a version; give one of them")
        commit = commit_only(opened, name)
        number = Ledger(opened).version_of(commit.repo, str(commit.id))
        if number is None:
            raise CommandError(
                f"what made {str_commit(commit)} is not known",
                hint=f"it is a commit of the {commit.origin}, or its pipeline was deleted with its history",
            )
    known = {each.version: each for each in versions(opened, pipeline)}
    if number is None:
        return known[max(known)]
    if number not in known:
        raise CommandError(
            f"pipeline {pipeline} has no version {number}", hint=f"`pfs pipeline log {pipeline}` shows them"
        )
    return known[number]


def changed(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> list[str]:
    """The fields that differ, each by its full name (`transform.cmd`), in the order of the document."""
    fields: list[str] = []
    for key in dict.fromkeys((*after, *before)):
        one, other = before.get(key), after.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            fields += changed(one, other, f"{prefix}{key}.")
        elif one != other:
            fields.append(prefix + key)
    return fields


def made_ns(each: Pipeline) -> int:
    return each.updated_ns or each.created_ns


def newest_job(ledger: Ledger, name: str) -> Job | None:
    return next(ledger.newest_first(name), None)


def newest(job: Job | None) -> str:
    return f"{job.pipeline}@{job.id} {state(job)}" if job else "(none yet)"


def spout_of(opened: Store, found: Pipeline) -> SpoutStatus | None:
    """How a spout is; None for what is none, or has never run."""
    if "spout" not in found.spec:
        return None
    from pfsfuse.service.spouts.record import find_spout

    return find_spout(opened, found.name)


def spout_log(opened: Store, found: Pipeline) -> str:
    from pfsfuse.service.spouts.record import log_path

    return str(log_path(opened.path, found.name))


def state_of(found: Pipeline, job: Job | None, spout: SpoutStatus | None = None) -> str:
    """stopped; running or waiting, while a job is; idle; failed, when the newest job was not a success. Of a spout:
    what it says itself; waiting until it runs, and while nobody keeps it running."""
    if found.paused:
        return "stopped"
    if "spout" in found.spec:
        return spout.state if spout and spout.state != "stopped" else "waiting"
    if job is None or job.state == "success":
        return "idle"
    return {"created": "waiting", "running": "running", "egressing": "running"}.get(job.state, "failed")


def as_json(found: Pipeline, job: Job | None, spout: SpoutStatus | None = None) -> dict[str, Any]:
    import msgspec

    return {
        "name": found.name,
        "state": state_of(found, job, spout),
        "created": text.iso(found.created_ns),
        "version": found.version,
        "spec": found.spec,
        "job": msgspec.to_builtins(job) if job else None,
        **({"spout": msgspec.to_builtins(spout)} if spout else {}),
    }


def print_pipelines(
    found: list[tuple[Pipeline, Job | None]], spouts: Mapping[str, SpoutStatus | None] | None = None
) -> None:
    if not found:
        click.echo("no pipelines; `pfs pipeline create -f FILE` makes one", err=True)
        return
    text.table(
        ("PIPELINE", "JOB", "STATE", "DATUMS>", "DESCRIPTION"),
        (
            (
                each.name,
                job.id[:8] if job else "(spout)" if "spout" in each.spec else "(none)",
                state_shown(each, job, (spouts or {}).get(each.name)),
                f"{job.done + job.skipped}/{job.total}" if job else "",
                text.safe(text.first_line(each.spec.get("description", ""))),
            )
            for each, job in found
        ),
    )


def state_shown(each: Pipeline, job: Job | None, spout: SpoutStatus | None) -> str:
    """Of the newest job, unless the pipeline itself has more to say."""
    if each.paused or "spout" in each.spec:
        return click.style(state_of(each, job, spout), fg="yellow" if each.paused else None)
    return state(job) if job else ""
