"""`pfs tree`: a commit, drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.data.ls import shown
from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Reference, readable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from store import Entry, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs tree trips  everything in the newest commit
    pfs tree -d 2 trips@master.31:2016  two levels of a directory
    """,
)
@click.argument("ref", metavar="REPO[@REF][:PATH]", type=Reference())
@click.option(
    "-d", "--depth", type=click.IntRange(min=1), metavar="N", help="Levels below PATH; default: all."
)
@pass_app
def tree(app: App, ref: str, depth: int | None) -> None:
    """Draw the directories and files of a commit.

    The last line counts all that is there, drawn or not.
    """
    with app.open() as opened:
        place = readable(opened, ref)
        root = place.commit.entry(place.path)
        drawn = branches(opened, root, place.path, "", depth) if root.is_dir else iter(())
        if app.json:
            jsonout.write_list(jsonout.entry(path, entry) for _, path, entry in drawn)
            return
        click.echo(text.safe(ref))
        text.lines(before + labelled(entry) for before, _, entry in drawn)
        click.echo(f"\n{text.plural(root.files, 'file')}, {text.size(root.size)}")


def branches(
    store: Store, directory: Entry, path: bytes, before: str, left: int | None
) -> Iterator[tuple[str, bytes, Entry]]:
    """What is drawn before each name, its whole path, its entry; one entry ahead, since the last is drawn otherwise."""
    entries = store.iter_directory(directory)
    entry = next(entries, None)
    while entry is not None:
        following = next(entries, None)
        below = path + b"/" + entry.name if path else entry.name
        yield before + ("└── " if following is None else "├── "), below, entry
        if entry.is_dir and left != 1:
            deeper = before + ("    " if following is None else "│   ")
            yield from branches(store, entry, below, deeper, None if left is None else left - 1)
        entry = following


def labelled(entry: Entry) -> str:
    name = shown(entry.name, entry)
    return f"{name} -> {text.safe(entry.target)}" if entry.target is not None else name
