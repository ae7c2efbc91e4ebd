"""`pfs du`: how large the directories of a commit are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.data.ls import shown
from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Place, Reference, readable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from store import Entry, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs du trips  the newest commit, and the directories in its root
    pfs du -d 3 trips@master.31:2016  three levels of a directory
    pfs du -a -b trips  files too, in bytes
    """,
)
@click.argument("refs", metavar="REPO[@REF][:PATH]...", nargs=-1, required=True, type=Reference())
@click.option(
    "-d", "--depth", type=click.IntRange(min=0), default=1, metavar="N", help="Levels below PATH; default: 1."
)
@click.option("-a", "--all", "files", is_flag=True, help="Files too.")
@click.option("-b", "--bytes", "exact", is_flag=True, help="Sizes in bytes.")
@pass_app
def du(app: App, refs: tuple[str, ...], depth: int, files: bool, exact: bool) -> None:
    """Show the sizes of directories, with all that is below them.

    Sizes are those of the files, not of what the store keeps of them. Directories know their sizes: nothing is added
    up, and nothing deeper than N is opened. The last line of each is the whole.
    """
    with app.open() as opened:
        places = [readable(opened, ref) for ref in refs]
        roots = [place.commit.entry(place.path) for place in places]
        found = [sizes(opened, place, root, depth, files) for place, root in zip(places, roots, strict=True)]
        if app.json:
            jsonout.write_list(
                jsonout.entry(path, entry) | {"commit": str(place.commit.id)}
                for place, root, below in zip(places, roots, found, strict=True)
                for path, entry in (*below, (place.path, root))
            )
            return
        for ref, root, below in zip(refs, roots, found, strict=True):
            text.lines(line(shown(path, entry), entry, exact) for path, entry in below)
            click.echo(line(text.safe(ref), root, exact))


def sizes(store: Store, place: Place, root: Entry, depth: int, files: bool) -> Iterator[tuple[bytes, Entry]]:
    """Path and entry of what is below `root`, in path order."""

    def below(path: bytes, directory: Entry, left: int) -> Iterator[tuple[bytes, Entry]]:
        if not left:
            return
        for entry in store.iter_directory(directory):
            name = path + b"/" + entry.name if path else entry.name
            if entry.is_dir or files:
                yield name, entry
            if entry.is_dir:
                yield from below(name, entry, left - 1)

    return below(place.path, root, depth) if root.is_dir else iter(())


def line(name: str, entry: Entry, exact: bool) -> str:
    size = f"{entry.size:>15,}" if exact else f"{text.size(entry.size):>9}"
    return f"{size}  {text.plural(entry.files, 'file'):>15}  {name}"
