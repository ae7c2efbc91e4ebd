"""`pfs wait`: until everything downstream of a commit is computed."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pfsfuse.cli import jsonout
from pfsfuse.cli.address import Reference, commit_only, str_commit
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.group import Command
from pfsfuse.cli.text import span

if TYPE_CHECKING:
    from pfsfuse.scheduler import Ledger
    from store import Commit, Store

EVERY_SECONDS = 0.2
CLEAR = "\r\x1b[K"


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs wait trips  what is computed from the newest commit of trips
    pfs wait trips@master.31  from one commit
    """,
)
@click.argument("ref", metavar="REPO[@REF]", type=Reference())
@pass_app
def wait(app: App, ref: str) -> None:
    """Wait until everything downstream of a commit is computed.

    Prints the commits that were computed from it, one a line; none when no pipeline reads it.
    """
    from pfsfuse.scheduler import wait_for

    with app.open() as opened:
        commit = commit_only(opened, ref)
        with showing(opened, commit):
            outputs = [opened.commit(repo, made) for repo, made in wait_for(opened, commit)]
        app.refresh()  # what is printed here is what a mount shows next
        if app.json:
            jsonout.write_list(map(jsonout.commit, outputs))
            return
        for output in outputs:
            click.echo(f"{str_commit(output)} {output.id}")


@contextmanager
def showing(store: Store, commit: Commit) -> Iterator[None]:
    """Keep a line on the terminal that says what is being waited for; nothing where stderr is none."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(store, commit, ended), name="progress")
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        sys.stderr.write(CLEAR)
        sys.stderr.flush()


def _watch(store: Store, commit: Commit, ended: threading.Event) -> None:
    from pfsfuse.scheduler import Ledger
    from pfsfuse.scheduler.wait import look

    ledger = Ledger(store)
    start = time.monotonic()
    while not ended.wait(EVERY_SECONDS):
        pending = look(store, commit.repo, commit.id).pending
        line = f"{', '.join(_progress(ledger, name) for name in pending)}  {span(time.monotonic() - start)}"
        sys.stderr.write(CLEAR + line[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()


def _progress(ledger: Ledger, pipeline: str) -> str:
    """`sales 3/31`: datums that are there, of those there are in its newest job."""
    job = next(iter(ledger.jobs(pipeline)), None)
    return f"{pipeline} {job.done + job.skipped}/{job.total}" if job is not None and job.total else pipeline
