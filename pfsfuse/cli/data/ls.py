"""`pfs ls`: what a commit holds."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Place, Reference, readable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.repotext import as_json, is_shown, print_repos

if TYPE_CHECKING:
    from store import Entry, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs ls  the repos
    pfs ls trips  the newest commit of trips
    pfs ls -l trips@master.1:2016  sizes and times in a directory of the first commit
    pfs ls -R trips@dev  every file, with its whole path
    pfs ls --json trips  for programs
    """,
)
@click.argument("refs", metavar="[REPO[@REF][:PATH]]...", nargs=-1, type=Reference())
@click.option(
    "-l", "--long", is_flag=True, help="With mode, size and time; directories with all that is below them."
)
@click.option("-R", "--recursive", is_flag=True, help="Everything below, with whole paths.")
@click.option("-b", "--bytes", "exact", is_flag=True, help="With -l: sizes in bytes.")
@pass_app
def ls(app: App, refs: tuple[str, ...], long: bool, recursive: bool, exact: bool) -> None:
    """List repos, or the files of a commit.

    Directories end in /. Control characters in names are shown as escapes; --json has them as they are.
    """
    with app.open() as opened:
        if not refs:
            if app.json:
                jsonout.write_list(as_json(each) for each in opened.repos() if is_shown(each))
            else:
                print_repos([line for line in opened.repos_with_heads() if is_shown(line[0])])
            return
        found = [(ref, listing(opened, ref, recursive)) for ref in refs]
        if app.json:
            jsonout.write_list(jsonout.entry(path, entry) for _, entries in found for path, entry in entries)
            return
        for number, (ref, entries) in enumerate(found):
            if len(found) > 1:
                click.echo(("\n" if number else "") + text.safe(ref) + ":")
            if long:
                print_long(entries, exact)
            else:
                text.lines(shown(path, entry) for path, entry in entries)


def listing(store: Store, ref: str, recursive: bool) -> Iterator[tuple[bytes, Entry]]:
    """Path and entry of each thing to list, in path order; a file lists itself. Errors come before the first one."""
    target = store.resolve(ref)
    if target.commit is None and not target.path:
        return iter(())
    place = readable(store, ref)
    entry = place.commit.entry(place.path)
    if not entry.is_dir:
        return iter([(place.path, entry)])
    return place.commit.walk(place.path) if recursive else children(place)


def children(place: Place) -> Iterator[tuple[bytes, Entry]]:
    for entry in place.commit.list(place.path):
        yield entry.name, entry


def shown(path: bytes, entry: Entry) -> str:
    name = text.safe(path)
    if entry.is_dir:
        return click.style(f"{name}/", fg="blue", bold=True)
    return name


def print_long(entries: Iterator[tuple[bytes, Entry]], exact: bool) -> None:
    text.lines(long_line(path, entry, exact) for path, entry in entries)


def long_line(path: bytes, entry: Entry, exact: bool) -> str:
    """`-rw-r--r--   1.2 MiB  2016-07-01 00:00:00  7-01-16`; columns are fixed, so that a listing can stream."""
    size = f"{entry.size:>15,}" if exact else f"{text.size(entry.size):>9}"
    name = shown(path, entry)
    if entry.is_dir:
        name += f"  ({text.plural(entry.files, 'file')})"
    elif entry.target is not None:
        name += f" -> {text.safe(entry.target)}"
    return f"{stat.filemode(entry.mode)}  {size}  {text.when(entry.mtime_ns)}  {name}"
