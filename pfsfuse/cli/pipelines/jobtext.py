"""How jobs and their datums look to people and to programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import str_commit

if TYPE_CHECKING:
    from pfsfuse.cli.shared.app import App
    from pfsfuse.pipeline import Datum
    from pfsfuse.scheduler import Job, JobDatum
    from store import Commit

COLORS = {
    "success": "green",
    "failed": "red",
    "killed": "red",
    "unrunnable": "red",
    "running": "yellow",
    "recovered": "yellow",
}


def state(found: Job | JobDatum) -> str:
    """In the colour that says how good it is."""
    return click.style(found.state, fg=COLORS.get(found.state))


def took(job: Job) -> str:
    if job.started_ns is None or job.finished_ns is None:
        return ""
    return text.span((job.finished_ns - job.started_ns) / text.NS)


def counts(job: Job) -> str:
    """`31: 30 computed, 1 skipped`: datums by how they went, those there are."""
    found = {"computed": job.done, "skipped": job.skipped, "failed": job.failed, "recovered": job.recovered}
    said = ", ".join(f"{count} {word}" for word, count in found.items() if count)
    return f"{job.total}: {said}" if said else str(job.total)


def note(job: Job) -> str:
    """Why it ended as it did, or how much of it was known before."""
    return text.safe(text.first_line(job.reason)) or (f"{job.skipped:,} skipped" if job.skipped else "")


def print_jobs(jobs: Sequence[Job]) -> None:
    """A table."""
    if not jobs:
        click.echo("no jobs; they come with commits to the inputs of pipelines", err=True)
        return
    text.table(
        ("JOB", "STATE", "DATUMS>", "CREATED", "TOOK>", "NOTE"),
        (
            (
                f"{each.pipeline}@{each.id[:8]}",
                state(each),
                f"{each.done + each.skipped}/{each.total}",
                text.day(each.created_ns),
                took(each),
                note(each),
            )
            for each in jobs
        ),
    )


def print_job(job: Job) -> None:
    """All there is to say of one."""
    text.fields(
        [
            ("job", f"{job.pipeline}@{job.id}"),
            ("state", state(job)),
            ("reason", text.safe(text.first_line(job.reason))),
            ("created", text.when(job.created_ns)),
            ("took", took(job)),
            ("datums", counts(job)),
            ("their time", text.span(job.seconds) if job.seconds else ""),
            ("read", text.size(job.read_bytes) if job.read_bytes else ""),
            ("written", text.size(job.written_bytes) if job.written_bytes else ""),
            ("restarts", str(job.restarts or "")),
            ("caused by", f"{job.cause.repo}@{job.cause.commit}"),
        ]
    )
    for each in job.inputs:
        click.echo(f"  /pfs/{each.name}  {each.repo}@{each.branch} {each.commit}")
    if printed := job.reason.splitlines()[1:]:  # the end of what a command that failed has printed
        click.echo()
        text.lines(f"  {text.safe(line)}" for line in printed)


def print_datums(datums: Iterable[JobDatum]) -> None:
    """A table."""
    rows = [
        (
            each.datum.id[:12],
            state(each),
            str(each.run.attempts) if each.run else "",
            text.span(each.run.seconds) if each.run else "",
            text.size(each.run.written_bytes) if each.run else "",
            reads(each.datum),
        )
        for each in datums
    ]
    if rows:
        text.table(("DATUM", "STATE", "TRIES>", "TOOK>", "WRITTEN>", "READS"), rows)
    else:
        click.echo("no datums", err=True)


def print_datum(found: JobDatum) -> None:
    """All there is to say of one."""
    run = found.run
    text.fields(
        [
            ("datum", found.datum.id),
            ("state", state(found)),
            ("reason", text.safe(text.first_line(run.reason)) if run else ""),
            ("exit code", str(run.exit_code) if run and run.exit_code is not None else ""),
            ("attempts", str(run.attempts) if run else ""),
            ("took", text.span(run.seconds) if run else ""),
            ("read", text.size(run.read_bytes) if run else ""),
            ("written", f"{text.size(run.written_bytes)} in {text.plural(run.files, 'file')}" if run else ""),
        ]
    )
    for each in found.datum.inputs:
        click.echo(f"  /pfs/{each.name}  {each.repo}@{each.branch} {each.commit} {text.safe(each.rooted)}")


def reads(datum: Datum) -> str:
    """`trips:/7-01-16, weather:/`."""
    return text.safe(", ".join(f"{each.name}:{each.rooted}" for each in datum.inputs))


def datum_json(found: JobDatum) -> dict[str, Any]:
    """A datum of a job for programs."""
    import msgspec

    return {
        "datum": found.datum.id,
        "state": found.state,
        "inputs": _inputs_json(found.datum),
        "run": msgspec.structs.asdict(found.run) if found.run else None,
    }


def planned_json(datum: Datum) -> dict[str, Any]:
    """A datum that belongs to no job yet, for programs."""
    return {"datum": datum.id, "inputs": _inputs_json(datum)}


def _inputs_json(datum: Datum) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "repo": each.repo,
            "branch": each.branch,
            "commit": str(each.commit),
            "path": each.rooted,
            **({"join_on": each.join_on} if each.join_on else {}),
            **({"group_by": each.group_by} if each.group_by else {}),
        }
        for each in datum.inputs
    ]


def print_outputs(app: App, outputs: Sequence[Commit]) -> None:
    """The commits that were computed, one a line, and in mounts before that."""
    app.refresh()
    if app.json:
        jsonout.write_list(map(jsonout.commit, outputs))
        return
    for output in outputs:
        click.echo(f"{str_commit(output)} {output.id}")
