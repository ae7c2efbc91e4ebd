"""`pfs find`: what a glob stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.data.ls import shown
from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Reference, readable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from store import Entry, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs find trips '*.csv'  in the root directory
    pfs find trips@master.31 '**.csv'  anywhere
    pfs find trips:2016 '{07,08}/*'  from a directory on
    """,
)
@click.argument("ref", metavar="REPO[@REF][:PATH]", type=Reference())
@click.argument("glob")
@pass_app
def find(app: App, ref: str, glob: str) -> None:
    """Find files and directories by a glob, as pipelines do.

    GLOB describes whole paths from PATH on: * is any part of a name, ** goes through directories too, and there are ?,
    [a-z], [!a-z] and {a,b}. Only directories that can hold a match are opened. Prints whole paths.
    """
    with app.open() as opened:
        found = matches(opened, ref, glob)
        if app.json:
            jsonout.write_list(jsonout.entry(path, entry) for path, entry in found)
            return
        text.lines(shown(path, entry) for path, entry in found)


def matches(store: Store, ref: str, glob: str) -> Iterator[tuple[bytes, Entry]]:
    """Whole path and entry of each match, in path order, without the directory that is searched."""
    from pfsfuse.pipeline import compile_glob, iter_matches

    compiled, place = compile_glob(glob), readable(store, ref)
    entry = place.commit.entry(place.path)
    if not entry.is_dir:
        raise CommandError(f"{text.safe(ref)} is a file, and a directory is searched")
    prefix = place.path + b"/" if place.path else b""
    within = replace(place.commit, tree=entry.renamed(b""))
    return ((prefix + path, found) for path, found in iter_matches(within, compiled) if path)
