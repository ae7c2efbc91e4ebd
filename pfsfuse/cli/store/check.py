"""`pfs store check`: is it what was written, whom does damage affect, and what of it can be mended?"""

from __future__ import annotations

from typing import NoReturn

import click

from pfsfuse.cli.shared import jsonout
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.store.child import run_in_child, signal_name
from pfsfuse.cli.store.line import shown_progress
from pfsfuse.cli.store.repair import repair as mended
from pfsfuse.cli.store.report import print_report, report_json
from pfsfuse.lastwords import DAMAGED


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs store check  every record and directory
    pfs store check --read-data  and every byte of every file
    pfs store check --repair --dry-run  what could be mended
    pfs store check --repair  mend it, then check every byte
    pfs store check --json  all paths that damage affects
    """,
)
@click.option("--read-data", is_flag=True, help="Verify every byte of every file too.")
@click.option("--repair", is_flag=True, help="First mend what can be mended without loss; reads every byte.")
@click.option(
    "-n", "--dry-run", is_flag=True, help="With --repair: say what would be mended, and change nothing."
)
@click.option("--within", is_flag=True, hidden=True, help="Do not start a process for it.")
@pass_app
def check(app: App, read_data: bool, repair: bool, dry_run: bool, within: bool) -> None:
    """Check that the store is what was written, and name the commits and paths that damage affects.

    Exit code 7 when anything is wrong. Nothing is changed without --repair, and everything else may go on meanwhile.
    What --repair mends follows from records that are whole: indexes, and objects of which there is another copy. A
    table that lacks the last that was written to it counts as it is from then on. What is left then is lost here;
    `pfs store salvage` makes a new store of everything else.
    """
    if dry_run and not repair:
        raise click.UsageError("--dry-run says what --repair would do; without it nothing is changed anyway")
    if not within:
        flags = {"--read-data": read_data, "--repair": repair, "--dry-run": dry_run}
        _check_in_a_child(app, ["check", *(flag for flag, given in flags.items() if given)])
    app.supervised = True
    with app.open() as opened:
        said = mended(opened, dry_run=dry_run, quiet=app.json) if repair else []
        with shown_progress("check") as progress:
            report = opened.check(read_data=read_data or repair, progress=progress)
    if app.json:
        done = {"would_mend" if dry_run else "mended": said} if repair else {}
        jsonout.write(report_json(report) | done)
    else:
        print_report(report)
    if not report.sound:
        click.get_current_context().exit(DAMAGED)


def _check_in_a_child(app: App, arguments: list[str]) -> NoReturn:
    """That a page ends the process which reads it is an answer of the check."""
    code = run_in_child(app, arguments)
    if code < 0:
        what = f"a page of it made the check end with {signal_name(code)}"
        why = f"{what}; restore a copy, or `pfs store salvage DIR` gets out what can be read"
        if app.json:
            jsonout.write({"sound": False, "problems": [{"invariant": "", "record": "database", "why": why}]})
        else:
            click.echo(f"damaged database: {why}")
        code = DAMAGED
    click.get_current_context().exit(code)
