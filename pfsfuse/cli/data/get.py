"""`pfs get`: a file or a directory of a repo becomes one on the host."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.data import archive
from pfsfuse.cli.data.cat import PIECE
from pfsfuse.cli.shared.address import Place, Reference, readable
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.progress import open_progress
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Entry


@click.command(
    cls=Command,
    examples="""
    pfs get trips:7-31-16  into the current directory
    pfs get trips@master.1:7-01-16 july.csv  under another name
    pfs get -r trips@master.31 july  all of a commit, as directory july
    pfs get -r trips:2016 /tmp  a directory, as /tmp/2016
    pfs get --tar trips@v1 v1.tar.zst  all of a tag, as an archive
    pfs get --tar trips:2016 > 2016.tar  to standard output
    pfs get -r --resume trips july  again after Ctrl-C: goes on where it was
    """,
)
@click.argument("source", metavar="REPO[@REF][:PATH]", type=Reference())
@click.argument("dest", default="", type=click.Path(allow_dash=True))
@click.option("-r", "--recursive", is_flag=True, help="Get a directory, with all it holds.")
@click.option("--tar", is_flag=True, help="Write an archive to the file DEST, or to standard output.")
@click.option("--resume", is_flag=True, help="Keep what was copied when interrupted, and go on from there.")
@click.option("--sparse", is_flag=True, help="Make zeros holes in the copy, 64 KiB and more.")
@pass_app
def get(app: App, source: str, dest: str, recursive: bool, tar: bool, resume: bool, sparse: bool) -> None:
    """Copy a file or a directory out of a repo.

    Modes, times and symlinks are kept, setuid and setgid are not. A DEST that is a directory gets the copy inside it,
    under its own name; a file is replaced at once when its copy is whole; a directory is never merged into another.
    Zeros, half a MiB of them and more, become holes, which take no room. As with cp, `sync` makes sure that the copy
    survives power loss.

    With --tar the archive of a directory holds what is in it, sorted, and the same commit always gives the same bytes;
    a DEST that ends in .gz, .tgz, .bz2, .xz or .zst is compressed.
    """
    import store

    with app.open() as opened:
        place = readable(opened, source)
        entry = place.commit.entry(place.path)
        if tar:
            archive.write(place, entry, dest or "-")
            return
        dest = dest or "."
        if entry.is_dir and not recursive:
            raise CommandError(f"{safe(source)} is a directory", hint="-r gets directories")
        if dest == "-":
            to_stdout(place, entry)
            return
        to = destination(place, entry, dest)
        with scratch(entry, to, keep=resume) as made, open_progress("get", entry.size) as progress:
            store.export(
                place.commit.trees,
                entry,
                made / "copy",
                sparse=sparse,
                resume=resume,
                progress=progress.tell,
            )
    click.echo(safe(str(to)))


@contextmanager
def scratch(entry: Entry, to: Path, *, keep: bool) -> Iterator[Path]:
    """A directory to make a `copy` in, which becomes `to` when the block ends.

    It lies beside its destination, so that the rename is one, and nobody sees half a copy. When the block fails it is
    removed, or with `keep` is there again for the next get of the same entry.
    """
    if keep:
        made = to.parent / f".pfs-get-{entry.identity().hex()[:16]}"
        with contextlib.suppress(FileExistsError):
            made.mkdir(mode=0o700)
        if made.is_symlink() or made.stat().st_uid != os.geteuid():
            raise CommandError(f"{safe(str(made))} is not ours", hint="remove it")
    else:
        try:
            made = Path(tempfile.mkdtemp(prefix=".pfs-get-", dir=to.parent))
        except OSError as error:
            error.filename = to.parent
            raise
    try:
        yield made
        os.replace(made / "copy", to)
    except BaseException:
        if not keep:
            shutil.rmtree(made, ignore_errors=True)
        raise
    made.rmdir()


def destination(place: Place, entry: Entry, dest: str) -> Path:
    """Where the copy goes, by cp's rules. Raises CommandError when that is impossible."""
    to = Path(dest)
    if to.is_dir():
        own = place.path.rpartition(b"/")[2] or place.commit.repo.encode()
        to = to / os.fsdecode(own)
    elif dest.endswith("/"):
        raise CommandError(f"{safe(dest)} is not a directory", hint="make it, or leave out the / at the end")
    if not to.parent.is_dir():
        raise CommandError(f"{safe(str(to.parent))} is not a directory", hint="make it first")
    if entry.is_dir and os.path.lexists(to) and not is_empty_directory(to):
        raise CommandError(
            f"{safe(str(to))} is there already", hint="choose a new name; directories are not merged"
        )
    if not entry.is_dir and to.is_dir() and not to.is_symlink():
        raise CommandError(
            f"{safe(str(to))} is a directory, and a file would replace it", hint="choose another name"
        )
    return to


def is_empty_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def to_stdout(place: Place, entry: Entry) -> None:
    if entry.is_dir:
        raise CommandError(
            "a directory cannot be written to standard output", hint="--tar writes an archive of it"
        )
    with place.commit.open(place.path) as reader:
        shutil.copyfileobj(reader, sys.stdout.buffer, PIECE)
