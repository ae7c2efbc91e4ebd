"""`pfs bundle`: commits, and all they need, in one file for another store."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from pfsfuse.cli.data import archive
from pfsfuse.cli.shared import text
from pfsfuse.cli.shared.address import STDIO, Reference
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Group
from pfsfuse.cli.shared.progress import Progress, open_progress
from pfsfuse.cli.store.bundletext import print_header, print_import, print_plan


@click.command(
    cls=Group,
    examples="""
    pfs bundle create trips.pfsb trips  all of a repo
    pfs bundle show trips.pfsb  what is in it?
    pfs bundle import trips.pfsb  into another store
    """,
)
def bundle() -> None:
    """Carry commits from one store to another in a file."""


@bundle.add(
    json=True,
    examples="""
    pfs bundle create trips.pfsb trips  all branches and tags, all of their history
    pfs bundle create all.pfsb trips@master weather@v1  one branch, one tag
    pfs bundle create new.pfsb trips --since trips@master.31  only what is newer
    pfs bundle create -n x.pfsb trips --since trips@v1  how much would that be?
    pfs bundle create - trips > trips.pfsb  to standard output
    """,
)
@click.argument("file", metavar="FILE|-", type=click.Path(allow_dash=True))
@click.argument("refs", metavar="REPO[@REF]...", nargs=-1, required=True, type=Reference())
@click.option(
    "--since",
    metavar="REPO@REF",
    multiple=True,
    type=Reference(),
    help="A commit that the receiver has, with all before it; may be given several times.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what it would hold, and write nothing.")
@pass_app
def create(app: App, file: str, refs: tuple[str, ...], since: tuple[str, ...], dry_run: bool) -> None:
    """Write a bundle of repos, branches, tags or commits, with all of their history.

    REPO alone means all its branches and tags. With --since the bundle holds only what comes after those commits, and
    can be imported only where they are. FILE gets its name when it is whole. A bundle that is there is replaced, and
    no other file.
    """
    with app.open() as opened:
        if dry_run:
            print_plan(app, opened.plan_bundle(refs, since=since), "would hold")
            return
        if file != STDIO:
            spare_others(Path(file))
        with archive.open_output(file) as stream, open_progress("bundle", None) as progress:
            plan = opened.write_bundle(stream, refs, since=since, progress=shown(progress))
    if file != STDIO:
        print_plan(app, plan, "holds")


@bundle.add(
    name="import",
    json=True,
    examples="""
    pfs bundle import trips.pfsb  make or move its branches and tags
    pfs bundle import -n trips.pfsb  what would that do?
    pfs bundle import --as trips=old trips.pfsb  under another name
    ssh host pfs bundle create - trips | pfs bundle import -  through a pipe
    """,
)
@click.argument("file", metavar="FILE|-", type=click.Path(allow_dash=True))
@click.option(
    "--as",
    "renames",
    metavar="OLD=NEW",
    multiple=True,
    help="Import repo OLD as NEW; its commits keep their ids.",
)
@click.option("--force", is_flag=True, help="Move branches also where they lose commits.")
@click.option("-n", "--dry-run", is_flag=True, help="Check the bundle, say what it would do, and do nothing.")
@pass_app
def import_(app: App, file: str, renames: tuple[str, ...], force: bool, dry_run: bool) -> None:
    """Take the commits of a bundle into the store, and make or move its branches and tags.

    All or nothing, and only after every byte was checked. Commits keep their ids. A branch moves forward only: where
    both sides have commits of their own, nothing is imported. Importing again changes nothing. Repos are made where
    they are missing, and the store too.
    """
    rename = dict(split(each) for each in renames)
    opening = app.open if dry_run else app.open_or_create
    with (
        open_bundle(file) as stream,
        opening() as opened,
        open_progress("import", None) as progress,
        naming(file),
    ):
        done = opened.import_bundle(
            stream, rename=rename, force=force, dry_run=dry_run, progress=shown(progress)
        )
    print_import(app, done, dry_run=dry_run)
    if not dry_run and any(move.what != "keep" for move in done.moves):
        app.refresh()


@bundle.add(
    json=True,
    examples="""
    pfs bundle show trips.pfsb  its refs, and what it builds on
    pfs bundle show --json trips.pfsb  for programs
    """,
)
@click.argument("file", metavar="FILE|-", type=click.Path(allow_dash=True))
@pass_app
def show(app: App, file: str) -> None:
    """Say what a bundle holds and what it builds on, from its header."""
    import store

    with open_bundle(file) as stream, naming(file):
        print_header(app, store.bundle_header(stream))


@bundle.add(
    json=True,
    examples="""
    pfs bundle verify trips.pfsb  is it as it was written?
    """,
)
@click.argument("file", metavar="FILE|-", type=click.Path(allow_dash=True))
@pass_app
def verify(app: App, file: str) -> None:
    """Read all of a bundle and check every byte; exit code 7 when it is damaged. No store is needed."""
    import store

    with open_bundle(file) as stream, open_progress("verify", None) as progress, naming(file):
        header = store.verify_bundle(progress.reading(stream))
    print_header(app, header)


def spare_others(file: Path) -> None:
    """Raises CommandError when there is a file that is no bundle: a slip in the order of the arguments would end it."""
    import store

    if not file.is_file() or not file.stat().st_size:
        return
    with open_bundle(str(file)) as stream, contextlib.suppress(store.Refused):  # of a newer version
        try:
            store.bundle_header(stream)
        except store.BadBundle:
            raise CommandError(
                f"{text.safe(str(file))} is there, and is no bundle",
                hint="remove it first, or choose another name",
            ) from None


@contextmanager
def open_bundle(file: str) -> Iterator[BinaryIO]:
    """The bundle in `file`, or on standard input."""
    if file == STDIO:
        yield sys.stdin.buffer
        return
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise CommandError(f"{text.safe(file)}: {error.strerror}") from None
        yield stream


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Have errors that are about the bundle, and not about the store, name its `file`."""
    import store

    try:
        yield
    except store.StoreError as error:
        about = (store.BadBundle, store.PrerequisiteMissing, store.Diverged)
        if isinstance(error, about) or type(error) is store.Refused:
            error.args = (f"{'standard input' if file == STDIO else text.safe(file)}: {error}",)
        raise


def split(rename: str) -> tuple[str, str]:
    old, equals, new = rename.partition("=")
    if not (old and equals and new):
        raise click.BadParameter(f"{text.safe(rename)!r}: write OLD=NEW", param_hint="--as")
    return old, new


def shown(progress: Progress) -> Callable[[int, int], None]:
    def told(size: int, total: int) -> None:
        progress.total = total
        progress.add(size)

    return told
