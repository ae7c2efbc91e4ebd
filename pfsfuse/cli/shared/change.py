"""What the commands that change a branch share: their options, working from one head, and saying what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, TypeVar

import click

from pfsfuse.cli.shared.address import str_commit
from pfsfuse.cli.shared.app import App
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Commit, CommitId, Draft, Edit, Repo, Stage, Target

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


def stage_option(function: F) -> F:
    """`--stage`."""
    return click.option(
        "--stage", is_flag=True, help="Add it to the branch's draft; `pfs commit` makes one commit of all."
    )(function)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command is to change a branch: by a commit and what it says, or in the branch's draft."""

    message: str
    author: str
    stage: bool

    def begin(
        self,
        repo: Repo,
        branch: str | None,
        described: str,
        base: Commit | Draft | EllipsisType | None = ...,
    ) -> Edit | Stage:
        """An edit that ends so. `described` is the message of a commit that was given none; `base` is what the change
        was worked out on.
        """
        if self.stage:
            if self.message or self.author:
                raise click.UsageError("--stage makes no commit yet: -m and --author are for `pfs commit`")
            return repo.stage(branch, base=base)
        from store import Draft

        assert not isinstance(base, Draft), "what is not staged is worked out on a commit"
        return self.edit(repo, branch, described, base)

    def edit(
        self,
        repo: Repo,
        branch: str | None,
        described: str,
        base: Commit | EllipsisType | None = ...,
        commit_id: CommitId | None = None,
    ) -> Edit:
        """The same for what is never staged. `commit_id` is shared with commits in other repos."""
        said, author = self.message or described, self.author or None
        return repo.edit(branch, message=said, author=author, base=base, commit_id=commit_id)

    def find(self, target: Target) -> Commit | Draft | None:
        """What the command finds at `target`: a commit, or what is staged for the branch already."""
        draft = target.repo.find_draft(target.branch) if self.stage and target.branch is not None else None
        return draft or target.commit


def described(verb: str, names: Sequence[str | bytes]) -> str:
    """`put a.csv, b.csv`: a message for a commit that was given none."""
    named = ", ".join(map(safe, names[:SHOWN]))
    return f"{verb} {named}" + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def on_head(
    repo: Repo, branch: str, stage: bool, attempt: Callable[[Commit | Draft | None], Edit | Stage]
) -> Edit | Stage:
    """The edit that `attempt` ends on top of the head it is given, or with `stage` of the draft; made again on a new
    one after a lost race.
    """
    import store

    def found() -> Commit | Draft | None:
        if not stage:
            return repo.head(branch)
        standing = repo.standing(branch)
        return standing.draft or standing.head

    for _ in range(ATTEMPTS - 1):
        try:
            return attempt(found())
        except (store.HeadMoved, store.DraftMoved):
            continue
    return attempt(found())


def tell(app: App, edit: Edit | Stage, repo: str, branch: str) -> None:
    """Print what came of `edit`: where the branch is now, or that something is staged for it."""
    import store

    if isinstance(edit, store.Edit):
        report(app, edit.result, branch, edit.changed)
        return
    if not edit.changed:
        print("pfs: nothing changed", file=sys.stderr)
    name = safe(f"{repo}@{branch}")
    click.echo(f"{name} {'nothing is staged' if edit.result is None else 'staged'}")
    if edit.changed:
        app.refresh()


def report(app: App, commit: Commit | None, branch: str, changed: bool) -> None:
    """Print where the branch is now, and tell the daemons when it moved."""
    if not changed:
        print("pfs: nothing changed", file=sys.stderr)
    if commit is not None:
        click.echo(f"{str_commit(commit, branch)} {commit.id}")
    if changed:
        app.refresh()
