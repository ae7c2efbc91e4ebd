"""`pfs store salvage`: get out of a damaged store what can still be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.store.line import shown_progress

if TYPE_CHECKING:
    from store import Loss, Salvaged

SHOWN = 20
"""Losses to print; the report has them all."""


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs store salvage /new/store  what can still be read of the store
    pfs --store /mnt/broken store salvage ./new  of another one
    """,
)
@click.argument("dest", type=click.Path())
@pass_app
def salvage(app: App, dest: str) -> None:
    """Make a new store of everything that can still be read of a damaged one.

    Commits that are whole keep their ids. From others the files that are lost are left out; they get new ids. Nothing
    is written to the damaged store, and nothing unchecked is taken from it, also when the database itself cannot be
    opened any more. DEST/salvage.json lists all that is lost; exit code 1 when something is.
    """
    import store

    with shown_progress("salvage") as progress:
        done = store.salvage(app.store_path(), dest, progress)
    if app.json:
        jsonout.write(salvaged_json(done))
    else:
        print_salvaged(done)
    if not done.complete:
        click.get_current_context().exit(1)


def print_salvaged(done: Salvaged) -> None:
    for loss in done.losses[:SHOWN]:
        path = "" if loss.path is None else f":{text.safe(loss.path)}"
        click.echo(f"{text.safe(loss.where)}{path}: {text.safe(loss.why)}")
    if len(done.losses) > SHOWN:
        click.echo(f"and {len(done.losses) - SHOWN:,} more")
    kept = f"{text.plural(done.repos, 'repo')} with {text.plural(done.commits, 'commit')}"
    changed = f", {len(done.changed):,} of them without files that are lost" if done.changed else ""
    click.echo(f"{text.safe(str(done.path))}: {kept}{changed}")
    if done.complete and not done.changed and not done.relinked and not done.problems:
        click.echo("nothing is lost: where `pfs store check` finds no damage, no salvage was needed")
    if not done.complete:
        click.echo(f"all that is lost: {text.safe(str(done.path / 'salvage.json'))}")


def salvaged_json(done: Salvaged) -> jsonout.Json:
    return {
        "path": str(done.path),
        "complete": done.complete,
        "repos": done.repos,
        "commits": done.commits,
        "changed": done.changed,
        "relinked": done.relinked,
        "pins": done.pins,
        "losses": [loss_json(loss) for loss in done.losses],
        "problems": [f"{one.record}: {one.why}" for one in done.problems],
    }


def loss_json(loss: Loss) -> jsonout.Json:
    path = None if loss.path is None else loss.path.decode("utf-8", "surrogateescape")
    return {"where": loss.where, "path": path, "why": loss.why}
