"""What stands in the way of deleting a repo or a branch, and asking before something is gone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import text
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.staged import changes_of, of_file
from pfsfuse.worktree.place import place

if TYPE_CHECKING:
    from pfsfuse.cli.shared.app import App
    from store import Repo, Store

SHOWN = 3
"""Paths to name."""

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
force_option = click.option(
    "--force", is_flag=True, help="Also with changes that are not committed, or when pipelines read it."
)


def confirm(yes: bool, question: str) -> None:
    """Ask, on a terminal; without one, `--yes` has to be given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("not on a terminal, so nobody can be asked: add --yes")
    click.confirm(question, abort=True, err=True)


def refuse_read(store: Store, repo: str, branch: str | None = None) -> None:
    """A repo, or a branch of it, that pipelines read is not deleted."""
    from pfsfuse.scheduler import readers

    if found := readers(store, repo, branch):
        name = repo if branch is None else f"{repo}@{branch}"
        raise CommandError(
            f"{name} is read by {'pipeline' if len(found) == 1 else 'pipelines'} {', '.join(found)}",
            hint=f"delete first: `pfs pipeline delete {found[0]}`, or use --force",
        )


def refuse_uncommitted(app: App, store: Store, repo: Repo, branches: Sequence[str]) -> None:
    """Raise CommandError when something is staged, or was written and cannot be staged, for one of these branches of
    `repo`, which are about to be deleted.
    """
    hint = "`pfs commit {}` keeps them, --force deletes them too"
    for failure in app.not_staged:
        if any(failure.is_of(f"{repo.name}@{each}", place(store.path, repo.name, each)) for each in branches):
            raise CommandError(str(failure), hint="--force deletes the branch all the same, and leaves that")
    for branch in branches:
        changes = list(islice(filter(of_file, changes_of(store, repo.standing(branch))), SHOWN + 1))
        if changes:
            name = f"{repo.name}@{branch}"
            what = ", ".join(text.safe(each.path) for each in changes[:SHOWN])
            more = " and more" if len(changes) > SHOWN else ""
            raise CommandError(
                f"{name} has changes that are not committed: {what}{more}", hint=hint.format(name)
            )
