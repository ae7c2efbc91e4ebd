"""`pfs wait`: until everything downstream of a commit is computed."""

from __future__ import annotations

import click

from pfsfuse.cli.pipelines.bars import showing
from pfsfuse.cli.pipelines.jobtext import print_outputs
from pfsfuse.cli.shared.address import Reference, commit_only
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command


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

    Prints the commits that were computed from it, one a line; none when no pipeline reads it, or each was made when a
    newer one was there. On a terminal, a bar for each job says how far it is.
    """
    from pfsfuse.scheduler import wait_for

    with app.open() as opened:
        commit = commit_only(opened, ref)
        with showing(opened, str(commit.id)):
            outputs = [opened.commit(repo, made) for repo, made in wait_for(opened, commit)]
        print_outputs(app, outputs)
    if not outputs and not app.json:
        click.echo(
            "nothing is computed from it; a pipeline begins with the commit that is newest when it is made",
            err=True,
        )
