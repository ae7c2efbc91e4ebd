"""`pfs restore`: take paths out of a branch's draft."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared.address import Reference, writable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.deleting import confirm, yes_option
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Repo


@click.command(
    cls=Command,
    examples="""
    pfs restore trips:7-01-16  what is staged for a file
    pfs restore trips@dev:2015 trips:a.csv  a directory with all that is below it, and a file
    pfs restore --all trips  all that is staged; asks first
    """,
)
@click.argument("paths", metavar="REPO[@BRANCH][:PATH]...", nargs=-1, required=True, type=Reference())
@click.option("--all", "everything", is_flag=True, help="All that is staged for the branches.")
@yes_option
@pass_app
def restore(app: App, paths: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Take paths out of what is staged for a branch.

    Each is staged no more, and becomes what it was in the head that the draft was made on. Commits are not touched:
    `pfs revert` undoes one.
    """
    with app.open(drafts=True) as opened:
        wanted: dict[tuple[str, str], tuple[Repo, list[bytes]]] = {}
        for text in paths:
            target = writable(opened, text)
            if everything == bool(target.path):
                what = "names a path, and --all is all" if everything else "names a whole branch"
                raise CommandError(
                    f"{safe(text)} {what}", hint=f"`pfs status {target.repo.name}` lists paths"
                )
            place = target.repo.name, target.branch or ""
            wanted.setdefault(place, (target.repo, []))[1].append(target.path)
        app.require_staged(*wanted)
        names = [f"{repo}@{branch}" for repo, branch in wanted]
        if everything:
            confirm(yes, f"Forget all that is staged for {', '.join(names)}?")
        for name, ((_, branch), (repo, below)) in zip(names, wanted.items(), strict=True):
            if repo.find_draft(branch) is None:
                print(f"pfs: nothing is staged for {name}", file=sys.stderr)
                continue
            left = repo.restore(below, branch)
            click.echo(f"{name} {'nothing is staged' if left is None else 'staged'}")
        app.refresh()
