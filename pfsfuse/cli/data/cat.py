"""`pfs cat`: files of a repo on standard output."""

from __future__ import annotations

import shutil
import sys

import click

from pfsfuse.cli.shared.address import Reference, readable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

PIECE = 1 << 20


@click.command(
    cls=Command,
    examples="""
    pfs cat trips:7-31-16  a file of the newest commit
    pfs cat trips@master.1:7-01-16 weather@master.1:2016-07-01  several files
    """,
)
@click.argument("files", metavar="REPO[@REF]:PATH...", nargs=-1, required=True, type=Reference())
@pass_app
def cat(app: App, files: tuple[str, ...]) -> None:
    """Write files of a repo to standard output.

    All of them are found before the first one is written.
    """
    output = sys.stdout.buffer
    with app.open() as opened:
        places = [readable(opened, file) for file in files]
        for text, place in zip(files, places, strict=True):
            if place.commit.entry(place.path).is_dir:
                raise CommandError(f"{safe(text)} is a directory", hint=f"`pfs ls {safe(text)}` lists it")
        for place in places:
            with place.commit.open(place.path) as source:
                shutil.copyfileobj(source, output, PIECE)
