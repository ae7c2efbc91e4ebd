"""`pfs store check`: is it what was written, and whom does damage affect?"""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import NoReturn

import click

from pfsfuse.cli import jsonout
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.group import Command
from pfsfuse.cli.store.line import shown_progress
from pfsfuse.cli.store.report import print_report, report_json

DAMAGED = 7
"""The exit code of Corrupt."""


@click.command(
    cls=Command,
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
    with app.open() as opened, shown_progress("check") as progress:
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
