"""How the findings of a check look, to people and to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text

if TYPE_CHECKING:
    from store import Affected, Problem, Report

SHOWN = 10
"""Paths to print for one problem; `--json` has them all."""


def print_report(report: Report) -> None:
    for problem in report.problems:
        number = f"{problem.invariant} " if problem.invariant else ""
        click.echo(f"{number}{text.safe(problem.record)}: {text.safe(problem.why)}")
        for affected in problem.affects[:SHOWN]:
            click.echo(f"  {text.safe(str(affected))}")
        if problem.more or len(problem.affects) > SHOWN:
            click.echo("  and more; --json lists them" if len(problem.affects) > SHOWN else "  and more")
    counted = ", ".join(
        text.plural(count, noun)
        for count, noun in (
            (report.repos, "repo"),
            (report.commits, "commit"),
            (report.objects, "object"),
            (report.segments, "segment"),
        )
    )
    if report.sound:
        unread = "" if report.read_data else "; files' contents were not read (--read-data does)"
        click.echo(f"sound: {counted}{unread}")
        return
    problems = text.plural(len(report.problems) + report.unlisted, "problem")
    if report.repos or report.objects:
        click.echo(f"{problems} in {counted}")
    else:
        click.echo(
            f"{problems}, and the rest was not looked at: the database itself is damaged; restore a copy, or "
            "`pfs store salvage DIR` gets out what can be read"
        )


def report_json(report: Report) -> jsonout.Json:
    return {
        "sound": report.sound,
        "read_data": report.read_data,
        "repos": report.repos,
        "commits": report.commits,
        "pins": report.pins,
        "objects": report.objects,
        "garbage_objects": report.garbage,
        "segments": report.segments,
        "problems": [problem_json(problem) for problem in report.problems],
        "unlisted": report.unlisted,
    }


def problem_json(problem: Problem) -> jsonout.Json:
    return {
        "invariant": problem.invariant,
        "record": problem.record,
        "why": problem.why,
        "affects": [affected_json(affected) for affected in problem.affects],
        "more": problem.more,
    }


def affected_json(affected: Affected) -> jsonout.Json:
    path = None if affected.path is None else affected.path.decode("utf-8", "surrogateescape")
    return {"where": affected.where, "path": path}
