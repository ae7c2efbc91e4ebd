"""`pfs log`: the commits of a branch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice, pairwise, takewhile
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.history.diff import below, range_ends
from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Reference, commit_only, readable, str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.difftext import styled
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from store import Commit, Entry, Repo, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs log trips  the default branch
    pfs log trips@dev -n 5  the last five commits of another branch
    pfs log trips@master.10  from the tenth commit back
    pfs log trips@master.10..master  those after the tenth
    pfs log trips@..dev  those of dev that the default branch has not
    pfs log trips:2016/a.csv  the commits that changed a file or directory
    pfs log trips -- 2015 2016  those that changed one of several
    pfs log --follow trips:2016/a.csv  the versions of a file, through renames
    pfs log trips --json  with whole ids, for programs
    """,
)
@click.argument("ref", metavar="REPO[@[[A]..]REF][:PATH]", type=Reference())
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("-n", "--number", type=click.IntRange(min=1), metavar="N", help="At most N commits.")
@click.option("--follow", is_flag=True, help="The versions of one file or directory, through renames.")
@pass_app
def log(app: App, ref: str, paths: tuple[str, ...], number: int | None, follow: bool) -> None:
    """List the commits of a branch, newest first.

    With A.., only those that are not in the ancestry of A; A or REF left out is the default branch. With PATHs, only
    the commits that changed one of them, or something below. With --follow and REPO:PATH, the commits that changed what
    is at PATH now, each with what it did: A added, M modified, D deleted it, or R renamed it from a path at which the
    same contents were deleted.
    """
    with app.open() as opened:
        if follow:
            if paths:
                raise click.UsageError("--follow follows one path: write REPO[@REF]:PATH")
            print_versions(app, opened, ref, number)
            return
        old, ref = range_ends(ref) or (None, ref)
        target = opened.resolve(ref)
        changing: list[str | bytes] = [target.path] if target.path else []
        changing += paths
        ancestry = iter(()) if target.commit is None else target.repo.log(str(target.commit.id))
        known = None if old is None else commit_only(opened, old)
        if known is not None:
            ancestry = until(target.repo, known, ancestry)
        if changing:
            ancestry = touching(opened, ancestry, changing)
        if known is not None:
            ancestry = after(target.repo, known, ancestry)
        commits = islice(ancestry, number)
        if app.json:
            jsonout.write_list(map(jsonout.commit, commits))
            return
        if not text.lines(line(commit, target.branch or "") for commit in commits):
            said = nothing(ref, old, changing)
            names = {each.name for each in target.repo.branches()} | {
                each.name for each in target.repo.tags()
            }
            for path in paths:
                if path in names:
                    said += f"; did you mean `pfs log {target.repo.name}@{text.safe(path)}`?"
            click.echo(said, err=True)


def nothing(ref: str, old: str | None, changing: Sequence[str | bytes]) -> str:
    """Why a log is empty: a second commit, taken for a path, is the usual reason."""
    if changing:
        return f"no commit of {text.safe(ref)} changed {' or '.join(map(text.safe, changing))}"
    what = "has no commits yet" if old is None else f"has no commits that are not in {text.safe(old)}"
    return f"{text.safe(ref)} {what}"


def until(repo: Repo, old: Commit, ancestry: Iterator[Commit]) -> Iterator[Commit]:
    """One line, newest first, to the first commit that is `old` or before it, with which the last of the others is
    compared: what lies before that is not looked at.
    """
    for commit in ancestry:
        yield commit
        if repo.is_ancestor(commit, old):
            return


def after(repo: Repo, old: Commit, ancestry: Iterator[Commit]) -> Iterator[Commit]:
    """Those commits of one line, newest first, that are not `old` or before it."""
    return takewhile(lambda commit: not repo.is_ancestor(commit, old), ancestry)


def touching(store: Store, ancestry: Iterator[Commit], paths: Sequence[str | bytes]) -> Iterator[Commit]:
    """Those commits that are not like their parents at one of `paths`; looked at as they are taken."""
    import store as storage

    raw = [storage.names.path(path) for path in paths]

    def seen() -> Iterator[tuple[Commit | None, list[Entry | None]]]:
        for commit in ancestry:
            yield commit, [commit.find(path) for path in raw]

    nothing: tuple[Commit | None, list[Entry | None]] = (None, [None] * len(raw))
    for (commit, new), (_, old) in pairwise(chain(seen(), [nothing])):
        assert commit is not None, "only the last pair has none, as its parent"
        if any(next(below(store, path, *each), None) for path, *each in zip(raw, old, new, strict=True)):
            yield commit


def print_versions(app: App, store: Store, ref: str, number: int | None) -> None:
    """The commits that changed what is at a path, and what each did to it."""
    place = readable(store, ref)
    if not place.path:
        raise CommandError(f"{text.safe(ref)} names no path", hint="--follow takes REPO[@REF]:PATH")
    target = store.resolve(ref)
    versions = islice(target.repo.follow(place.path, str(place.commit.id)), number)
    if app.json:
        jsonout.write_list(
            {
                "change": each.kind,
                "path": each.path.decode("utf-8", "surrogateescape"),
                "from": None if each.source is None else each.source.decode("utf-8", "surrogateescape"),
                "entry": jsonout.entry(each.path, each.entry) if each.entry else None,
                "commit": jsonout.commit(each.commit),
            }
            for each in versions
        )
        return
    for each in versions:
        click.echo(line(each.commit, target.branch or ""))
        source = "" if each.source is None else f"{text.safe(each.source)} -> "
        click.echo(f"  {styled(each.kind)} {source}{text.safe(each.path)}")


def line(commit: Commit, branch: str = "") -> str:
    """One commit on one line of the terminal; a line of the log."""
    name = str_commit(commit, branch)
    state = click.style(" failed", fg="red") if commit.state == "failed" else ""
    what = text.safe(commit.message.partition("\n")[0] or commit.reason)
    before = "  ".join(
        (
            click.style(name, fg="yellow"),
            commit.id.short(),
            text.when(commit.finished_ns),
            text.safe(commit.author or commit.origin) + state,
            "",
        )
    )
    width = text.terminal_width()
    return (before + text.cut(what, width and width - len(click.unstyle(before)))).rstrip()
