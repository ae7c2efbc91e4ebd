"""`pfs put`: files, directories and standard input become one commit."""

from __future__ import annotations

import click

from pfsfuse.cli.address import Reference, writable
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.append import append_all
from pfsfuse.cli.change import described, options, report
from pfsfuse.cli.errors import CommandError
from pfsfuse.cli.group import Command
from pfsfuse.cli.progress import open_progress
from pfsfuse.cli.sources import act, plan, total
from pfsfuse.cli.text import safe


@click.command(
    cls=Command,
    examples="""
    pfs put 7-01-16 trips -m "1 July"  a file, into the root of trips
    pfs put a.csv b.csv trips:2016/  several files, into a directory
    pfs put new.csv trips:2016/old.csv  a file, under another name
    pfs put -r data trips@dev  a directory, to a branch
    pfs put -r data/. trips  only what is in the directory
    curl -s URL | pfs put - trips:today.json  standard input
    date | pfs put --append - trips:log.txt  add a line to a file
    """,
)
@click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.argument("target", metavar="REPO[@BRANCH][:PATH]", type=Reference())
@click.option("-r", "--recursive", is_flag=True, help="Put directories, with all they hold.")
@click.option("-a", "--append", is_flag=True, help="Add to the ends of files that are there.")
@options
@pass_app
def put(
    app: App,
    sources: tuple[str, ...],
    target: str,
    recursive: bool,
    append: bool,
    message: str,
    author: str,
) -> None:
    """Put files, directories or standard input into a repo, as one commit.

    Names are chosen as by cp: with several SRC, or a PATH that is a directory or ends in /, each SRC keeps its own
    name below PATH; else PATH is the new name. Prints the commit. When a SRC cannot be read, nothing is changed.
    With --append a file that is there keeps its mode, and gets what SRC holds at its end.
    """
    with app.open() as opened:
        place = writable(opened, target)
        branch = place.branch or ""
        there = place.commit.find(place.path) if place.commit is not None else None
        into = (
            not place.path or target.endswith("/") or len(sources) > 1 or (there is not None and there.is_dir)
        )
        steps = plan(sources, place.path, into=into, recursive=recursive)
        if there is not None and not there.is_dir and (into or steps[0].directory):
            raise CommandError(f"{safe(target)} is a file, and a directory is needed; nothing was put")
        message = message or described("append" if append else "put", sources)
        with open_progress("put", total(steps)) as progress:
            if append:
                edit = append_all(place, steps, progress, message=message, author=author)
            else:
                with place.repo.edit(branch, message=message, author=author or None) as edit:
                    for step in steps:
                        act(edit, step, progress)
    report(app, edit.result, branch, edit.changed)
