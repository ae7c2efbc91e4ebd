"""`pfs bundle`: commits, and all they need, in one file for another store."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from pfsfuse.cli import archive, jsonout, text
from pfsfuse.cli.address import Reference
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.errors import CommandError
from pfsfuse.cli.group import Group
from pfsfuse.cli.progress import Progress, open_progress

if TYPE_CHECKING:
    from store import BundledRef, BundleHeader, BundlePlan, CommitId, ImportPlan, Move

KINDS = {"b": "branch", "t": "tag", "c": "commit"}


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
        if file != archive.STDIO:
            spare_others(Path(file))
        with archive.open_output(file) as stream, open_progress("bundle", None) as progress:
            plan = opened.write_bundle(stream, refs, since=since, progress=shown(progress))
    if file != archive.STDIO:
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
    if file == archive.STDIO:
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
            error.args = (f"{'standard input' if file == archive.STDIO else text.safe(file)}: {error}",)
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


def print_plan(app: App, plan: BundlePlan, verb: str) -> None:
    if app.json:
        jsonout.write(
            {
                "refs": [ref_json(ref) for ref in plan.refs],
                "commits": [{"repo": repo, "commit": str(commit)} for repo, commit in plan.commits],
                "since": [{"repo": need.repo, "commit": need.commit.hex()} for need in plan.needs],
                "objects": plan.objects,
                "size": plan.size,
            }
        )
        return
    click.echo(
        f"{verb} {text.plural(len(plan.commits), 'commit')} and {text.plural(plan.objects, 'object')}, "
        f"{text.size(plan.size)} before compression"
    )


def print_header(app: App, header: BundleHeader) -> None:
    if app.json:
        jsonout.write(
            {
                "format": header.format,
                "created": text.iso(header.created_ns),
                "repos": [repo.name for repo in header.repos],
                "refs": [ref_json(ref) for ref in header.refs],
                "needs": [{"repo": need.repo, "commit": need.commit.hex()} for need in header.needs],
                "commits": header.commits,
                "objects": header.objects,
                "size": header.size,
            }
        )
        return
    lines = [
        (
            KINDS[ref.kind],
            f"{ref.repo}@{ref.name}",
            "no commit yet" if ref.commit is None else ref.commit.hex(),
        )
        for ref in header.refs
    ]
    text.table(("KIND", "NAME", "COMMIT"), lines)
    click.echo()
    needs = ", ".join(f"{need.repo}@{need.commit.hex()[:8]}" for need in header.needs)
    text.fields(
        [
            ("made", text.when(header.created_ns)),
            ("commits", f"{header.commits:,}"),
            ("objects", f"{header.objects:,}, {text.size(header.size)} before compression"),
            ("builds on", text.safe(needs)),
        ]
    )


def ref_json(ref: BundledRef) -> jsonout.Json:
    return {
        "repo": ref.repo,
        "kind": KINDS[ref.kind],
        "name": ref.name or None,
        "commit": None if ref.commit is None else ref.commit.hex(),
    }


def print_import(app: App, done: ImportPlan, *, dry_run: bool) -> None:
    if app.json:
        jsonout.write(
            {
                "dry_run": dry_run,
                "repos": list(done.repos),
                "refs": [move_json(move) for move in done.moves],
                "new_commits": done.commits,
            }
        )
        return
    for move in done.moves:
        named = f"{move.repo}@{move.name or move.new}"
        if move.what == "keep":
            click.echo(f"{named}: {'is here' if move.kind == 'commit' else 'stays'}")
        else:
            click.echo(f"{named}: {said(move)}")
    would = "would be " if dry_run else ""
    click.echo(f"{text.plural(done.commits, 'commit')} {would}new")


def said(move: Move) -> str:
    new = "no commit yet" if move.new is None else move.new.short()
    if move.what == "create":
        return f"new {move.kind}, {new}"
    old = "nothing" if move.old is None else move.old.short()
    return f"{old} -> {new}{', by force' if move.what == 'force' else ''}"


def move_json(move: Move) -> jsonout.Json:
    return {
        "repo": move.repo,
        "kind": move.kind,
        "name": move.name or None,
        "what": move.what,
        "old": _hex(move.old),
        "new": _hex(move.new),
    }


def _hex(commit: CommitId | None) -> str | None:
    return None if commit is None else str(commit)
