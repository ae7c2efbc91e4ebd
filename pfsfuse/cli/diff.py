"""`pfs diff`: the names that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli import jsonout, text
from pfsfuse.cli.address import Place, Reference, readable
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.errors import CommandError
from pfsfuse.cli.group import Command

if TYPE_CHECKING:
    from store import Change, Entry, Store

COLORS = {"A": "green", "M": "yellow", "D": "red"}


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs diff trips@master.30 trips@master.31  what one commit changed
    pfs diff trips@master.31  the same: against its parent
    pfs diff trips@dev trips@master  one branch and another
    pfs diff trips:2015 trips:2016  two directories of one commit
    """,
)
@click.argument("old", metavar="A", type=Reference())
@click.argument("new", metavar="[B]", type=Reference(), required=False)
@pass_app
def diff(app: App, old: str, new: str | None) -> None:
    """Name the files that differ between two commits.

    A line for each: A was added, M modified, D deleted on the way from A to B. Equal directories are never opened.
    """
    with app.open() as opened:
        before, after = sides(opened, old, new)
        changes = opened.diff(before, after)
        if app.json:
            jsonout.write_list(map(as_json, changes))
            return
        for change in changes:
            click.echo(line(change))


def sides(store: Store, old: str, new: str | None) -> tuple[Entry | None, Entry]:
    """The directories to compare; one commit alone is compared with its parent."""
    first = readable(store, old)
    if new is not None:
        return directory(first), directory(readable(store, new))
    commit = first.commit
    if commit.parent is None:
        return None, directory(first)
    parent = store.commit(commit.repo, commit.parent)
    return parent.find(first.path), directory(first)


def directory(place: Place) -> Entry:
    found = place.commit.entry(place.path)
    if not found.is_dir:
        raise CommandError(
            f"{text.safe(place.path)} in {place.where} is a file, and directories are compared",
            hint="`pfs cat` of both, and `diff`, compare two files",
        )
    return found


def line(change: Change) -> str:
    return f"{click.style(change.kind, fg=COLORS[change.kind])} {text.safe(change.path)}"


def as_json(change: Change) -> jsonout.Json:
    return {
        "change": change.kind,
        "path": change.path.decode("utf-8", "surrogateescape"),
        "old": jsonout.entry(change.path, change.old) if change.old else None,
        "new": jsonout.entry(change.path, change.new) if change.new else None,
    }
