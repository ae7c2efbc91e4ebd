"""`pfs datum`: the pieces of work that a job's input is cut into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.pipelines.deploying import read_specs
from pfsfuse.cli.pipelines.finding import find
from pfsfuse.cli.pipelines.jobtext import datum_json, planned_json, print_datum, print_datums, reads
from pfsfuse.cli.pipelines.specfile import SPEC_FILE, require_no_file
from pfsfuse.cli.shared import jsonout
from pfsfuse.cli.shared.address import Reference
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Group
from pfsfuse.cli.shared.text import cut, lines, plural, terminal_width

if TYPE_CHECKING:
    from pfsfuse.pipeline import Datum

DATUM_STATES = ("success", "skipped", "failed", "recovered", "waiting")


@click.command(
    cls=Group,
    examples="""
    pfs datum list sales  the datums of the newest job of sales
    pfs datum show sales 8a4f0c12  one of them
    """,
)
def datum() -> None:
    """List and show the datums of jobs, and of specifications."""


@datum.add(
    name="list",
    json=True,
    examples="""
    pfs datum list sales  the datums of the newest job of sales
    pfs datum list sales@1f3a5b7c --state failed  those that failed in one job
    pfs datum list -f sales.yaml  those that a specification would have, of which nothing runs
    """,
)
@click.argument("job", metavar="[PIPELINE[@ID]]", type=Reference(), required=False)
@click.option("-f", "--file", "file", type=SPEC_FILE, help="A specification; it need not be deployed.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(DATUM_STATES), help="Only datums in this state."
)
@pass_app
def list_(app: App, job: str | None, file: str | None, states: tuple[str, ...]) -> None:
    """List the datums of a job, with how each went.

    With -f: those that a specification would have, what its inputs hold now being read.
    """
    from pfsfuse.scheduler import Ledger, iter_datums, spec_of_job

    if (job is None) is (file is None) or (file is not None and states):
        raise click.UsageError("either a job or a specification (-f FILE) is needed; --state goes with a job")
    if file is not None:
        list_planned(app, file)
        return
    assert job is not None  # one of them is given
    require_no_file(job)
    with app.open() as opened:
        found = find(Ledger(opened), job)
        datums = iter_datums(opened, spec_of_job(opened, found), found)
        wanted = (each for each in datums if not states or each.state in states)
        if app.json:
            jsonout.write_list(map(datum_json, wanted))
        else:
            print_datums(wanted)


@datum.add(
    name="next",
    examples="""
    pfs datum next  fails when there is none, so that `while pfs datum next; do …; done` ends
    pfs datum next --error "no header"  the datum that was there has failed
    """,
)
@click.option("--error", metavar="TEXT", help="Why the datum that was there has failed.")
def next_(error: str | None) -> None:
    """Inside a command with datum_batching: end this datum, and wait for the next one.

    When it returns, /pfs shows the next datum and /pfs/.env has its variables. Exits with 1 when there is none left.
    """
    from pfsfuse.batch import next_datum

    if next_datum(error) is None:
        raise SystemExit(1)


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


def list_planned(app: App, file: str) -> None:
    """The datums of the one specification in a file, as they are found."""
    from pfsfuse.scheduler import preview

    specs = read_specs(file, ignore_image=True)
    if len(specs) != 1:
        raise click.UsageError(f"{len(specs)} specifications in {file}; one is listed at a time")
    count = 0

    def counted(datums: Iterable[Datum]) -> Iterator[Datum]:
        nonlocal count
        for each in datums:
            count += 1
            yield each

    with app.open() as opened:
        datums = counted(preview(opened, specs[0]))
        if app.json:
            jsonout.write_list(map(planned_json, datums))
        else:
            width = terminal_width()
            lines(cut(f"{each.id[:12]}  {reads(each)}", width) for each in datums)
            click.echo(plural(count, "datum"), err=True)
