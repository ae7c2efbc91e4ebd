"""`pfs drop`: the last commits of a line, removed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.history.log import after as not_in
from pfsfuse.cli.history.log import line
from pfsfuse.cli.history.squash import cut_range, read_by_jobs
from pfsfuse.cli.shared import jsonout
from pfsfuse.cli.shared.address import Reference, commit_only, repo_only, require_one_repo, str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.deleting import confirm, yes_option
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import lines, plural, safe

if TYPE_CHECKING:
    from store import Commit, Repo


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs drop trips@master  the newest commit: the branch goes back to the one before
    pfs drop trips@master.28..master  all that came after the 28th
    pfs drop trips@master..dev  what only dev has; then dev is where it left master
    pfs drop -n trips@master.28..master  which commits would that be?
    pfs drop trips@master..562dee2d --yes  what a deleted branch has left, for scripts
    """,
)
@click.argument("range_", metavar="REPO@[[A]..]B", type=Reference())
@click.option("-n", "--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@yes_option
@pass_app
def drop(app: App, range_: str, dry_run: bool, yes: bool) -> None:
    """Remove a commit for good; with A, all up to B that are not in the ancestry of A.

    With ..B these are all up to B. Branches that end in one of them go back to the commit before. Refused, with nothing
    changed, when something depends on one: a tag, changes that are not committed, a commit that follows it, a result or
    a merge that was made from it. `pfs store gc` frees what only they held. `pfs revert` undoes a commit and keeps it.
    """
    name, _, refs = range_.partition("@")
    first, dots, last = cut_range(name, refs)
    require_one_repo(name, last)
    with app.open(drafts=True) as opened:
        repo = repo_only(opened, name)
        end = commit_only(opened, f"{name}@{last}" if last else name)
        after = commit_only(opened, f"{name}@{first}") if first else None
        if not dry_run:
            confirm(yes, f"Drop {described(repo, end, after, many=bool(dots))}, for good?")
        needed = read_by_jobs(opened, name)
        done = repo.drop(end, after if dots else ..., needed=needed, dry_run=dry_run)
        going = [repo.get(each) for each in done.commits] if dry_run and not app.json else []
    if app.json:
        jsonout.write(
            {
                "dry_run": dry_run,
                "dropped": [str(each) for each in done.commits],
                "moved": list(done.moved),
                "head": jsonout.commit(done.head) if done.head else None,
            }
        )
    else:
        lines(map(line, going))
        for branch in done.moved:
            where = str_commit(done.head, branch) if done.head else ""
            if dry_run:
                click.echo(f"{name}@{branch} would be {f'at {where}' if where else 'empty'}")
            else:
                click.echo(f"{where} {done.head.id}" if done.head else f"{name}@{branch} (empty)")
        what = "would be dropped" if dry_run else "dropped"
        print(f"pfs: {plural(len(done.commits), 'commit')} {what}", file=sys.stderr)
    if not dry_run:
        app.refresh()


def described(repo: Repo, end: Commit, after: Commit | None, *, many: bool) -> str:
    """`trips@master.31 (31 July)`, or `3 commits up to trips@master.31`."""
    if not many:
        said = safe(end.message.partition("\n")[0])
        return f"{end.title} ({said})" if said else end.title
    count = end.depth if after is None else sum(1 for _ in not_in(repo, after, repo.log(str(end.id))))
    return f"{plural(count, 'commit')} up to {end.title}"
