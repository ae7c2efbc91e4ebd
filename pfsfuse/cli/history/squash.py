"""`pfs squash`: commits in a row become one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.history.revert import branch_in
from pfsfuse.cli.shared import jsonout
from pfsfuse.cli.shared.address import Reference, commit_only, repo_only, require_one_repo, str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.change import options
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import plural, safe

if TYPE_CHECKING:
    from store import CommitId, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs squash trips@master.3..master.7  what 4, 5, 6 and 7 did is one commit then: number 4
    pfs squash trips@master~5..master -m "the first week"  the last five commits
    pfs squash trips@..master.10  everything up to the tenth
    pfs squash --keep trips@master.3..master.7  although results were computed from them
    """,
)
@click.argument("range_", metavar="REPO@[A]..B", type=Reference())
@click.option(
    "--branch", metavar="NAME", help="Where; default: the branch that B begins with, else the default one."
)
@click.option("--keep", is_flag=True, help="Keep old commits that something depends on; else it is refused.")
@options
@pass_app
def squash(app: App, range_: str, branch: str | None, keep: bool, message: str, author: str) -> None:
    """Make the commits after A, up to B, one commit.

    Without A these are all up to B. It has the files of B. What follows on the branch is made anew on top of it: files,
    times, messages and authors stay, ids and numbers change. The old commits are removed, and `pfs store gc` frees what
    only they held. When something depends on one of them (another branch, a tag, a result computed from it) nothing is
    changed, unless --keep leaves those where they are, to be read by their ids.
    """
    name, at, refs = range_.partition("@")
    first, dots, last = cut_range(name, refs)
    if not at or not dots:
        raise click.BadParameter(f"{safe(range_)!r} is no range: write REPO@A..B", param_hint="REPO@A..B")
    require_one_repo(name, last)
    with app.open() as opened:
        repo = repo_only(opened, name)
        last = last or repo.default_branch
        where = branch or branch_in(repo, f"{name}@{last}")
        done = repo.squash(
            where,
            commit_only(opened, f"{name}@{first}") if first else None,
            commit_only(opened, f"{name}@{last}"),
            message=message or None,
            author=author or None,
            keep=keep,
            needed=read_by_jobs(opened, name),
        )
    kept = done.squashed + done.rewritten - done.removed
    if app.json:
        jsonout.write(
            {
                "commit": jsonout.commit(done.made),
                "head": jsonout.commit(done.head),
                "squashed": done.squashed,
                "rewritten": done.rewritten,
                "kept": kept,
            }
        )
    else:
        click.echo(f"{str_commit(done.made, where)} {done.made.id}")
        if done.rewritten:
            print(f"pfs: {plural(done.rewritten, 'commit')} after it made anew", file=sys.stderr)
        if kept:
            print(f"pfs: {plural(kept, 'old commit')} kept, since something depends on them", file=sys.stderr)
    app.refresh()


def cut_range(repo: str, refs: str) -> tuple[str, str, str]:
    """A, the dots and B of [A]..[B]; without dots all of it is B.

    Raises UsageError for dots alone, which nobody writes who means all commits of a repo, and for a dot too many.
    """
    first, dots, last = refs.partition("..")
    if not dots:
        return "", "", refs
    if last.startswith("."):
        meant = f"{repo}@{first}..{last.lstrip('.')}"
        raise click.UsageError(f"a range has two dots: write {safe(meant)}")
    if not (first or last):
        raise click.UsageError(
            f"a range has an end: write {safe(repo)}@A..B, or {safe(repo)}@..B for all up to B"
        )
    return first, dots, last


def read_by_jobs(store: Store, repo: str) -> dict[CommitId, str]:
    """The commits of `repo` that jobs and services have yet to read."""
    import store as storage
    from pfsfuse.scheduler import Ledger
    from pfsfuse.service import list_services

    needed = {}
    for job in Ledger(store).open_jobs():
        for each in job.inputs:
            if each.repo == repo:
                needed[storage.CommitId.parse(each.commit)] = f"job {job.pipeline}@{job.id[:8]} reads it"
    for service in list_services(store):
        for given in service.inputs:
            if given.repo == repo and service.state not in ("stopped", "failed"):
                needed[storage.CommitId.parse(given.commit)] = f"service {service.name} reads it"
    return needed
