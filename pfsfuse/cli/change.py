"""What the commands that change a branch share: their options, working from one head, and saying what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from pfsfuse.cli.address import str_commit
from pfsfuse.cli.app import App
from pfsfuse.cli.text import safe

if TYPE_CHECKING:
    from store import Commit, Edit, Repo

F = TypeVar("F", bound=Callable[..., object])
ATTEMPTS = 100
"""How often a change is worked out again because somebody else moved the branch."""
SHOWN = 3
"""Names in the message of a commit that was given none."""


def options(function: F) -> F:
    """`-m` and `--author`."""
    message = click.option(
        "-m", "--message", default="", help="What the commit says; default: what was done."
    )
    author = click.option("--author", default="", help="Who the commit is by; default: you.")
    return message(author(function))


def described(verb: str, names: Sequence[str | bytes]) -> str:
    """`put a.csv, b.csv`: a message for a commit that was given none."""
    named = ", ".join(map(safe, names[:SHOWN]))
    return f"{verb} {named}" + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def on_head(repo: Repo, branch: str, attempt: Callable[[Commit | None], Edit]) -> Edit:
    """The edit that `attempt` commits on top of the head it is given; made again on a new head after a lost race."""
    import store

    for _ in range(ATTEMPTS - 1):
        try:
            return attempt(repo.head(branch))
        except store.HeadMoved:
            continue
    return attempt(repo.head(branch))


def report(app: App, commit: Commit | None, branch: str, changed: bool) -> None:
    """Print where the branch is now, and tell the daemons when it moved."""
    if not changed:
        print("pfs: nothing changed", file=sys.stderr)
    if commit is not None:
        click.echo(f"{str_commit(commit, branch)} {commit.id}")
    if changed:
        app.refresh()
