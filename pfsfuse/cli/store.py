"""`pfs store`: whether it is sound, freeing its space, and measuring it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from pfsfuse.cli import jsonout, text
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.group import Group

if TYPE_CHECKING:
    from store import Affected, GcPlan, Problem, Report, RepoStats, Stats, Swept

DAMAGED = 7
"""The exit code of Corrupt."""
SHOWN = 10
"""Paths to print for one problem; `--json` has them all."""
EVERY_SECONDS = 0.1


@click.command(
    cls=Group,
    examples="""
    pfs store check  is it sound?
    pfs store gc  free what deleted repos held
    pfs store stats  how large is it, and what would copies take?
    """,
)
def store() -> None:
    """Check the store, free its space, and measure it."""


@store.add(
    json=True,
    examples="""
    pfs store check  every record and directory
    pfs store check --read-data  and every byte of every file
    pfs store check --json  all paths that damage affects
    """,
)
@click.option("--read-data", is_flag=True, help="Verify every byte of every file too.")
@click.option("--within", is_flag=True, hidden=True, help="Do not start a process for it.")
@pass_app
def check(app: App, read_data: bool, within: bool) -> None:
    """Check that the store is what was written, and name the commits and paths that damage affects.

    Exit code 7 when anything is wrong. Nothing is changed, and everything else may go on meanwhile.
    """
    if not within:
        _check_in_a_child(app, read_data)
    with app.open() as opened, _shown_progress("check") as progress:
        report = opened.check(read_data=read_data, progress=progress)
    if app.json:
        jsonout.write(report_json(report))
    else:
        print_report(report)
    if not report.sound:
        click.get_current_context().exit(DAMAGED)


def _check_in_a_child(app: App, read_data: bool) -> NoReturn:
    """LMDB trusts its own pages: a damaged one may end the process that reads it, which has to be noticed."""
    options = [*(["--read-data"] if read_data else []), *(["--json"] if app.json else [])]
    where = ["--store", str(app.store_path()), *(["--debug"] if app.debug else [])]
    command = [sys.executable, "-P", "-m", "pfsfuse.cli", *where, "store", "check", "--within", *options]
    child = subprocess.Popen(command)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has it too, and says so
    try:
        code = child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    if code < 0:
        name = signal.Signals(-code).name
        why = f"a page of it made the check end with {name}; restore the store from a copy"
        if app.json:
            jsonout.write({"sound": False, "problems": [{"invariant": "", "record": "database", "why": why}]})
        else:
            click.echo(f"damaged database: {why}")
        code = DAMAGED
    click.get_current_context().exit(code)


@store.add(
    json=True,
    examples="""
    pfs store gc --dry-run  what would be freed
    pfs store gc  free it
    pfs store gc --wait 600  give running edits ten minutes to end
    """,
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be freed, and change nothing.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(0, 86400),
    default=30.0,
    help="How long to wait for puts and other running edits to end; default: 30.",
)
@pass_app
def gc(app: App, dry_run: bool, wait: float) -> None:
    """Free the space of what nothing needs any more, so that it is used again.

    Needed is whatever a commit holds, on a branch or not, and the kept result of every datum. Safe beside mounts, jobs
    and commits. The database's file does not become smaller.
    """
    with app.open() as opened:
        with _shown_progress("gc") as progress:
            plan = opened.plan_gc(lambda objects: progress("objects", objects, 0))
        if dry_run:
            print_plan(app, plan)
            return
        total = len(plan.empty) + len(plan.sparse)
        with _shown_progress("gc") as progress:
            swept = opened.sweep(
                plan, patience_seconds=wait, progress=lambda done: progress("segments", done, total)
            )
        print_swept(app, swept)


@store.add(
    json=True,
    examples="""
    pfs store stats  sizes and ratios
    pfs store stats --json  for charts
    """,
)
@pass_app
def stats(app: App) -> None:
    """Measure the store: logical, unique and stored bytes, by repo and altogether."""
    with app.open() as opened:
        found = opened.stats()
    if app.json:
        jsonout.write(stats_json(found))
    else:
        print_stats(found)


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
    else:
        click.echo(f"{text.plural(len(report.problems) + report.unlisted, 'problem')} in {counted}")


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


def print_plan(app: App, plan: GcPlan) -> None:
    if app.json:
        jsonout.write(
            {
                "keep_objects": plan.keep,
                "drop_objects": plan.drop,
                "empty_segments": len(plan.empty),
                "sparse_segments": len(plan.sparse),
                "freed": plan.freed,
                "stored": plan.stored,
            }
        )
        return
    click.echo(
        f"would drop {plan.drop:,} of {text.plural(plan.keep + plan.drop, 'object')} "
        f"and free {text.size(plan.freed)} of {text.size(plan.stored)}"
    )


def print_swept(app: App, swept: Swept) -> None:
    if app.json:
        jsonout.write(
            {
                "dropped_objects": swept.dropped,
                "deleted_segments": swept.deleted,
                "moved_objects": swept.moved,
                "freed": swept.freed,
            }
        )
        return
    click.echo(f"dropped {text.plural(swept.dropped, 'object')}, freed {text.size(swept.freed)}")


def print_stats(found: Stats) -> None:
    text.table(
        ("REPO", "COMMITS>", "FILES>", "HEAD>", "ALL COMMITS>", "UNIQUE>"),
        (
            (
                each.repo,
                f"{each.commits:,}",
                f"{each.files:,}",
                text.size(each.head),
                text.size(each.logical),
                text.size(each.unique),
            )
            for each in found.repos
        ),
    )
    click.echo()
    text.fields(
        [
            ("all commits", f"{text.size(found.logical)} as copies"),
            ("unique", f"{text.size(found.unique)}, {found.deduplication:.1f} times less"),
            ("stored", f"{text.size(found.stored)}, {found.compression:.1f} times less"),
            ("on disk", f"{text.size(found.database)} with indexes and free pages"),
        ]
    )


def stats_json(found: Stats) -> jsonout.Json:
    return {
        "logical": found.logical,
        "unique": found.unique,
        "stored": found.stored,
        "database": found.database,
        "objects": found.objects,
        "segments": found.segments,
        "deduplication": round(found.deduplication, 3),
        "compression": round(found.compression, 3),
        "repos": [repo_json(each) for each in found.repos],
    }


def repo_json(each: RepoStats) -> jsonout.Json:
    return {
        "repo": each.repo,
        "commits": each.commits,
        "files": each.files,
        "head": each.head,
        "logical": each.logical,
        "unique": each.unique,
    }


class _Line:
    """A line on a terminal that says how far something is."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._next = time.monotonic() + EVERY_SECONDS
        self.shown = False

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next and sys.stderr.isatty():
            self._next, self.shown = now + EVERY_SECONDS, True
            line = f"{self._label}  {done:,} {what}" + (f" of {total:,}" if total else "")
            click.echo(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)


@contextmanager
def _shown_progress(label: str) -> Iterator[_Line]:
    """A line on stderr, if that is a terminal, gone when it ends."""
    line = _Line(label)
    try:
        yield line
    finally:
        if line.shown:
            click.echo("\r\x1b[K", nl=False, err=True)
