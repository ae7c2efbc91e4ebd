"""`pfs put`: files, directories and standard input become one commit."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.address import Reference, str_commit, writable
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.errors import CommandError
from pfsfuse.cli.group import Command
from pfsfuse.cli.progress import Progress, open_progress
from pfsfuse.cli.text import safe

if TYPE_CHECKING:
    from store import Edit

STDIN = "-"
SHOWN = 3
"""Sources that a commit without a message of its own names."""


@dataclass(frozen=True, slots=True)
class Step:
    """One source and the path it gets."""

    source: str
    """A path on the host, or `-`."""
    path: bytes
    """In the repo; b"" is the root, for a directory whose contents go there."""
    directory: bool


@click.command(
    cls=Command,
    examples="""
    pfs put 7-01-16 trips -m "1 July"  a file, into the root of trips
    pfs put a.csv b.csv trips:2016/  several files, into a directory
    pfs put new.csv trips:2016/old.csv  a file, under another name
    pfs put -r data trips@dev  a directory, to a branch
    pfs put -r data/. trips  only what is in the directory
    curl -s URL | pfs put - trips:today.json  standard input
    """,
)
@click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.argument("target", metavar="REPO[@BRANCH][:PATH]", type=Reference())
@click.option("-r", "--recursive", is_flag=True, help="Put directories, with all they hold.")
@click.option("-m", "--message", default="", help="What the commit says; default: what was put.")
@click.option("--author", default="", help="Who the commit is by; default: you.")
@pass_app
def put(app: App, sources: tuple[str, ...], target: str, recursive: bool, message: str, author: str) -> None:
    """Put files, directories or standard input into a repo, as one commit.

    Names are chosen as by cp: with several SRC, or a PATH that is a directory or ends in /, each SRC keeps its own
    name below PATH; else PATH is the new name. Prints the commit. When a SRC cannot be read, nothing is changed.
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
        with (
            open_progress("put", total(steps)) as progress,
            place.repo.edit(branch, message=message or described(sources), author=author or None) as edit,
        ):
            for step in steps:
                act(edit, step, progress)
        commit = edit.result
    if not edit.changed:
        print("pfs: nothing changed", file=sys.stderr)
    if commit is not None:
        click.echo(f"{str_commit(commit, branch)} {commit.id}")
    if edit.changed:
        app.refresh()


def plan(sources: Sequence[str], target: bytes, *, into: bool, recursive: bool) -> list[Step]:
    """What goes where; `into` says that `target` is a directory to put things into. Looks at the host, reads nothing.

    Raises CommandError for a source that is missing, is a directory without `recursive`, or would overwrite another.
    """
    steps: list[Step] = []
    for source in sources:
        if source == STDIN:
            if into:
                raise CommandError("standard input has no name of its own", hint="write REPO:PATH")
            steps.append(Step(source, target, directory=False))
            continue
        try:
            directory = stat.S_ISDIR(os.stat(source).st_mode)
        except OSError as error:
            raise CommandError(f"{safe(source)}: {error.strerror}; nothing was put") from None
        if directory and not recursive:
            raise CommandError(f"{safe(source)} is a directory; nothing was put", hint="-r puts directories")
        steps.append(Step(source, _path(source, target, into), directory))
    taken: dict[bytes, str] = {}
    for step in steps:
        if step.path and (other := taken.setdefault(step.path, step.source)) != step.source:
            raise CommandError(
                f"{safe(other)} and {safe(step.source)} would both be {safe(step.path)}; nothing was put"
            )
    return steps


def _path(source: str, target: bytes, into: bool) -> bytes:
    own = os.fsencode(os.path.basename(source.rstrip("/")))
    if not into or own in (b".", b"..", b""):
        return target
    return target + b"/" + own if target else own


def described(sources: Sequence[str]) -> str:
    """`put a.csv, b.csv`: a message for a commit that was given none."""
    named = ", ".join(safe(source) for source in sources[:SHOWN])
    return f"put {named}" + (f" and {len(sources) - SHOWN} more" if len(sources) > SHOWN else "")


def total(steps: Sequence[Step]) -> int | None:
    """The bytes of all plain files together; None when directories are among them or standard input."""
    if any(step.directory or step.source == STDIN for step in steps):
        return None
    return sum(os.stat(step.source).st_size for step in steps)


def act(edit: Edit, step: Step, progress: Progress) -> None:
    if step.source == STDIN:
        edit.write(step.path, progress.reading(sys.stdin.buffer))
        return
    if step.directory:
        edit.put_directory(step.source, step.path, progress=progress.add)
        return
    # What the shell names is meant, as with cp: a link given here is followed, one inside a directory is kept.
    source = os.path.realpath(step.source)
    status = os.stat(source)
    if not stat.S_ISREG(status.st_mode):
        edit.put(source, step.path)  # which says what it is that cannot be put
        return
    with open(source, "rb", buffering=0) as stream:
        edit.write(
            step.path,
            progress.reading(stream),
            mode=stat.S_IMODE(status.st_mode),
            mtime_ns=status.st_mtime_ns,
        )
