"""`pfs datum`: the pieces of work that a job's input is cut into."""

from __future__ import annotations

import click

from pfsfuse.cli import jsonout
from pfsfuse.cli.address import Reference
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.group import Group
from pfsfuse.cli.job import find
from pfsfuse.cli.jobtext import datum_json, print_datum, print_datums

DATUM_STATES = ("success", "skipped", "failed", "recovered", "waiting")


@click.command(
    cls=Group,
    examples="""
    pfs datum list sales  the datums of the newest job of sales
    pfs datum show sales 8a4f0c12  one of them
    """,
)
def datum() -> None:
    """List and show the datums of jobs."""


@datum.add(
    name="list",
    json=True,
    examples="""
    pfs datum list sales  the datums of the newest job of sales
    pfs datum list sales@1f3a5b7c --state failed  those that failed in one job
    """,
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@click.option(
    "--state", "states", multiple=True, type=click.Choice(DATUM_STATES), help="Only datums in this state."
)
@pass_app
def list_(app: App, job: str, states: tuple[str, ...]) -> None:
    """List the datums of a job, with how each went."""
    from pfsfuse.scheduler import Ledger, iter_datums, spec_of_job

    with app.open() as opened:
        found = find(Ledger(opened), job)
        datums = iter_datums(opened, spec_of_job(opened, found), found)
        wanted = (each for each in datums if not states or each.state in states)
        if app.json:
            jsonout.write_list(map(datum_json, wanted))
        else:
            print_datums(wanted)


@datum.add(
    json=True,
    examples="""
    pfs datum show sales 8a4f0c12  what it reads, how it went
    """,
)
@click.argument("job", metavar="PIPELINE[@ID]", type=Reference())
@click.argument("id", metavar="DATUM")
@pass_app
def show(app: App, job: str, id: str) -> None:
    """Describe one datum of a job; the first digits of its id will do."""
    from pfsfuse.scheduler import Ledger, find_datum, spec_of_job

    with app.open() as opened:
        found = find(Ledger(opened), job)
        one = find_datum(opened, spec_of_job(opened, found), found, id.lower())
    if app.json:
        jsonout.write(datum_json(one))
    else:
        print_datum(one)
