"""`pfs log`: the commits of a branch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from pfsfuse.cli import jsonout, text
from pfsfuse.cli.address import Reference, commit_only, str_commit
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.group import Command

if TYPE_CHECKING:
    from store import Commit


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs log trips  the default branch
    pfs log trips@dev -n 5  the last five commits of another branch
    pfs log trips@master.10  from the tenth commit back
    pfs log trips --json  with whole ids, for programs
    """,
)
@click.argument("ref", metavar="REPO[@REF]", type=Reference())
@click.option("-n", "--number", type=click.IntRange(min=1), metavar="N", help="At most N commits.")
@pass_app
def log(app: App, ref: str, number: int | None) -> None:
    """List the commits of a branch, newest first."""
    with app.open() as opened:
        target = opened.resolve(ref)
        if target.commit is None and not target.path:
            commits: Iterator[Commit] = iter(())
        else:
            start = commit_only(opened, ref)
            commits = islice(target.repo.log(str(start.id)), number)
        if app.json:
            jsonout.write_list(map(jsonout.commit, commits))
            return
        for commit in commits:
            click.echo(line(commit, target.branch or ""))


def line(commit: Commit, branch: str = "") -> str:
    """One commit on one line; a line of the log."""
    name = str_commit(commit, branch)
    state = click.style(" failed", fg="red") if commit.state == "failed" else ""
    what = text.safe(commit.message.partition("\n")[0] or commit.reason)
    return "  ".join(
        (
            click.style(name, fg="yellow"),
            commit.id.short(),
            text.when(commit.finished_ns),
            text.safe(commit.author or commit.origin) + state,
            what,
        )
    ).rstrip()
