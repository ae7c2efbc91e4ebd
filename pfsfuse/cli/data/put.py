"""`pfs put`: files, directories and standard input become one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.data import archive, url
from pfsfuse.cli.data.append import append_all
from pfsfuse.cli.data.sources import act, count_ahead, list_skipped, plan, total
from pfsfuse.cli.shared.address import Reference, writable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.change import Manner, described, options, stage_option, tell
from pfsfuse.cli.shared.errors import HOST, CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.progress import open_progress
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Skipped

SOURCE = click.Path(allow_dash=True, readable=False)
"""What cannot be read is told with everything else that cannot be put."""


@click.command(
    cls=Command,
    examples="""
    pfs put 7-01-16 trips -m "1 July"  a file, into the root of trips
    pfs put a.csv b.csv trips:2016/  several files, into a directory
    pfs put new.csv trips:2016/old.csv  a file, under another name
    pfs put -r data trips@dev  a directory, to a branch
    pfs put -r data/. trips  only what is in the directory
    pfs put -r --keep-going data trips  what can be read of it
    pfs put https://example.org/7-31-16.csv trips  what a URL gives, as 7-31-16.csv
    pfs put --tar july.tar.gz trips:2016  what an archive holds, into a directory
    pfs put - trips:today.json < today.json  standard input
    date | pfs put --append - trips:log.txt  add a line to a file
    pfs put --stage a.csv trips  with more to come, before `pfs commit`
    """,
)
@click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=SOURCE)
@click.argument("target", metavar="REPO[@BRANCH][:PATH]", type=Reference())
@click.option("-r", "--recursive", is_flag=True, help="Put directories, with all they hold.")
@click.option("-a", "--append", is_flag=True, help="Add to the ends of files that are there.")
@click.option("--tar", is_flag=True, help="Put what the archives SRC hold: tar, compressed or not.")
@click.option(
    "--checksum", is_flag=True, help="Read all files, also those that look unchanged since the last time."
)
@click.option("--keep-going", is_flag=True, help="Leave out what cannot be put, and commit the rest.")
@stage_option
@options
@pass_app
def put(
    app: App,
    sources: tuple[str, ...],
    target: str,
    recursive: bool,
    append: bool,
    tar: bool,
    checksum: bool,
    keep_going: bool,
    stage: bool,
    message: str,
    author: str,
) -> None:
    """Put files, directories or standard input into a repo, as one commit.

    Names are chosen as by cp: with several SRC, or a PATH that is a directory or ends in /, each SRC keeps its own
    name below PATH; else PATH is the new name. Prints the commit. When something cannot be read, changes while it is
    read, or is neither file nor directory nor symlink, all such names are listed, nothing is changed, and the exit code
    is 1; --keep-going commits the rest. Symlinks in directories are put as they are. Files in directories that have not
    changed since they were last put from there are not read again, nor are holes of sparse files. With --append a file
    that is there keeps its mode, and gets what SRC holds at its end.

    A SRC may be an http or https URL; its file is named after the last part of its path. With --tar, SRC are archives
    (gzip, bzip2, xz and zstd are known by their first bytes), and PATH is a directory. Devices and names that lead
    elsewhere are names that cannot be put.
    """
    manner = Manner(message, author, stage)
    if append and (tar or any(map(url.is_url, sources))):
        raise CommandError(
            "only files and standard input can be appended", hint="put it under a name of its own"
        )
    if tar:
        put_archives(app, sources, target, manner, keep_going=keep_going)
        return
    with app.open(drafts=stage) as opened:
        place = writable(opened, target)
        branch = place.branch or ""
        found = manner.find(place)
        there = found.find(place.path) if found is not None else None
        into = (
            not place.path or target.endswith("/") or len(sources) > 1 or (there is not None and there.is_dir)
        )
        steps = plan(sources, place.path, into=into, recursive=recursive)
        if there is not None and not there.is_dir and (into or steps[0].directory):
            raise CommandError(f"{safe(target)} is a file, and a directory is needed; nothing was put")
        said = described("append" if append else "put", tuple(map(url.shown, sources)))
        skipped: list[Skipped] = []
        with open_progress("put", total(steps)) as progress:
            if append:
                edit = append_all(place, steps, progress, manner, said)
            else:
                count_ahead(steps, progress)
                with manner.begin(place.repo, branch, said) as edit:
                    for step in steps:
                        act(edit, step, progress, checksum=checksum, skipped=skipped, keep_going=keep_going)
                    progress.clear()
                    list_skipped(skipped, keep_going=keep_going)
        tell(app, edit, place.repo.name, branch)
    if skipped:
        click.get_current_context().exit(HOST)


def put_archives(
    app: App, sources: tuple[str, ...], target: str, manner: Manner, *, keep_going: bool
) -> None:
    with app.open(drafts=manner.stage) as opened:
        place = writable(opened, target)
        branch = place.branch or ""
        found = manner.find(place)
        there = found.find(place.path) if found is not None else None
        if there is not None and not there.is_dir:
            raise CommandError(f"{safe(target)} is a file, and a directory is needed; nothing was put")
        said = described("put", tuple(map(url.shown, sources)))
        with manner.begin(place.repo, branch, said) as edit:
            whole = archive.put(edit, sources, place.path, keep_going=keep_going)
        tell(app, edit, place.repo.name, branch)
    if not whole:
        click.get_current_context().exit(HOST)
