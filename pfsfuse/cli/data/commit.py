"""`pfs commit`: what is staged, in one repo or several, becomes commits at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.history.merge import conflict_line, merge_json, side_options, sides
from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import Reference, branch_only, str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.change import SHOWN, options
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.staged import changes_of, of_file
from pfsfuse.cli.shared.text import safe
from pfsfuse.errors import WorktreeError

if TYPE_CHECKING:
    from store import Merge, Store, Target


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs commit trips -m "31 July"  what was written to /pfs/trips, or staged with --stage
    pfs commit trips weather@dev -m "31 July"  in two repos, at once
    pfs commit --all -m "31 July"  everything that is staged
    pfs commit trips --theirs '2016/**'  where both changed a file there, take what is staged
    """,
)
@click.argument("branches", metavar="[REPO[@BRANCH]]...", nargs=-1, type=Reference())
@click.option("-a", "--all", "everything", is_flag=True, help="Whatever is staged, in every repo.")
@side_options
@options
@pass_app
def commit(
    app: App,
    branches: tuple[str, ...],
    everything: bool,
    take_ours: tuple[str, ...],
    take_theirs: tuple[str, ...],
    message: str,
    author: str,
) -> None:
    """Make what is staged a commit; in several repos at once.

    Staged is what was written through the mount, and what put, rm, mv and cp --stage have collected.

    The commits of all repos carry one id, and come into being together or not at all: nobody sees one without the
    others, and a pipeline that reads several of the repos runs once. If a branch has moved since something was staged
    for it, both are merged. A file that both changed in different ways is a conflict: conflicts are listed and nothing
    is committed anywhere, unless --ours (what the branch has) and --theirs (what is staged) decide them all. To have
    both in a file, edit it below the mount, where its other side is in the branch's newest commit, and take it with
    --theirs.
    """
    if everything == bool(branches):
        raise click.UsageError("name the repos to commit what is staged for, or give --all")
    with app.open(drafts=True) as opened:
        named = branches or tuple(f"{each.repo}@{each.branch}" for each in opened.drafts())
        if everything and app.not_staged:
            raise WorktreeError(str(app.not_staged[0]), hint=app.not_staged[0].hint)
        targets = [branch_only(opened, each) for each in named]
        app.require_staged(*((each.repo.name, each.branch or "") for each in targets))
        done = opened.commit_drafts(
            *(f"{each.repo.name}@{each.branch}" for each in targets),
            message=message or described(opened, targets),
            author=author or None,
            resolve=sides(take_ours, take_theirs),
        )
        finish(app, targets, done)


def described(store: Store, targets: Sequence[Target]) -> str:
    """`change a.csv, b.csv and more`: a message for commits that were given none."""
    changes = (change for each in targets for change in changes_of(store, each.repo.standing(each.branch)))
    paths = [safe(change.path) for change in islice(filter(of_file, changes), SHOWN + 1)]
    return f"change {', '.join(paths[:SHOWN])}" + (" and more" if len(paths) > SHOWN else "")


def finish(app: App, targets: Sequence[Target], done: Sequence[Merge]) -> None:
    """Say how it ended. Raises MergeConflict, after listing the conflicts."""
    import store

    ended = list(zip(targets, done, strict=True))
    conflicts = sum(len(each.conflicts) for each in done)
    if app.json:
        jsonout.write([{"repo": to.repo.name, "branch": to.branch, **merge_json(each)} for to, each in ended])
    elif conflicts:
        for to, each in ended:
            prefix = f"{to.repo.name}@{to.branch}:" if len(ended) > 1 else ""
            text.lines(conflict_line(conflict, prefix) for conflict in each.conflicts)
    else:
        for to, each in ended:
            if not each.changed:
                print(f"pfs: nothing to commit for {to.repo.name}@{to.branch}", file=sys.stderr)
            elif each.commit is not None:
                click.echo(f"{str_commit(each.commit, to.branch or '')} {each.commit.id}")
    if conflicts:
        raise store.MergeConflict("committing what is staged", conflicts)
    if any(each.changed for each in done):
        app.refresh()
