"""`pfs show`: a repo, a commit or a file, described."""

from __future__ import annotations

import stat
from itertools import islice
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import difftext, jsonout, text
from pfsfuse.cli.shared.address import Place, Reference, readable, str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.repotext import describe

if TYPE_CHECKING:
    from store import Commit, Store

SHOWN = 20
"""Changed files named by `pfs show`; `pfs diff` names them all."""


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs show trips  a repo
    pfs show sales@master.31  a commit: what it changed, what it came from, what came from it
    pfs show trips@master.1:7-01-16  a file
    """,
)
@click.argument("ref", metavar="REPO[@REF][:PATH]", type=Reference())
@pass_app
def show(app: App, ref: str) -> None:
    """Describe a repo, a commit or a file."""
    with app.open() as opened:
        target = opened.resolve(ref)
        if "@" not in ref and ":" not in ref:
            describe(app, target.repo)
            return
        place = readable(opened, ref)
        if place.path:
            describe_entry(app, place)
        else:
            describe_commit(app, opened, place.commit)


def describe_entry(app: App, place: Place) -> None:
    entry = place.commit.entry(place.path)
    if app.json:
        jsonout.write({**jsonout.entry(place.path, entry), "commit": jsonout.commit(place.commit)})
        return
    text.fields(
        [
            (jsonout.kind(entry), text.safe(place.path)),
            ("commit", f"{place.where} {place.commit.id}"),
            ("mode", stat.filemode(entry.mode)),
            ("size", f"{text.size(entry.size)} ({text.plural(entry.size, 'byte')})"),
            ("files", f"{entry.files:,}" if entry.is_dir else ""),
            ("changed", text.when(entry.mtime_ns)),
            ("points to", text.safe(entry.target) if entry.target is not None else ""),
        ]
    )


def describe_commit(app: App, store: Store, commit: Commit) -> None:
    downstream = [store.commit(repo, id) for repo, id in store.downstream(commit.repo, commit.id)]
    version = made_by(store, commit)
    if app.json:
        made = jsonout.commit(commit)
        if version:
            made["pipeline"] = {"name": commit.repo, "version": version}
        made["downstream"] = [
            {"repo": each.repo, "branch": each.branch, "id": str(each.id)} for each in downstream
        ]
        jsonout.write(made)
        return
    text.fields(
        [
            ("commit", str(commit.id)),
            ("name", str_commit(commit)),
            ("state", commit.state + (f": {text.safe(commit.reason)}" if commit.reason else "")),
            (
                "made by",
                text.safe(commit.author) + (f" ({commit.origin})" if commit.author else commit.origin),
            ),
            ("pipeline", version_shown(store, commit, version)),
            ("finished", text.when(commit.finished_ns)),
            ("took", text.span((commit.finished_ns - commit.started_ns) / text.NS)),
            ("content", f"{text.plural(commit.tree.files, 'file')}, {text.size(commit.tree.size)}"),
            ("parent", str(commit.parent or "")),
            ("message", text.safe(commit.message)),
        ]
    )
    for each in commit.provenance:
        click.echo(f"  from  {each.repo}@{each.branch} {each.commit}")
    for made_from in downstream:
        click.echo(f"  to    {str_commit(made_from)} {made_from.id}")
    print_changes(store, commit)


def made_by(store: Store, commit: Commit) -> int | None:
    """The version of the pipeline that made a commit; None when none did, or it is not known."""
    from pfsfuse.scheduler import Ledger

    return Ledger(store).version_of(commit.repo, str(commit.id)) if commit.origin == "pipeline" else None


def version_shown(store: Store, commit: Commit, version: int | None) -> str:
    """Which version it was, where there is more than one."""
    from pfsfuse.scheduler import Ledger

    if version is None or len(Ledger(store).versions(commit.repo)) < 2:
        return ""
    return f"version {version} (`pfs pipeline spec {str_commit(commit)}`)"


def print_changes(store: Store, commit: Commit) -> None:
    before = store.commit(commit.repo, commit.parent).tree if commit.parent is not None else None
    changes = list(islice(store.diff(before, commit.tree), SHOWN + 1))
    if changes:
        click.echo()
    for change in changes[:SHOWN]:
        click.echo(difftext.line(change))
    if len(changes) > SHOWN:
        click.echo(f"… `pfs diff {str_commit(commit)}` names all that changed")
