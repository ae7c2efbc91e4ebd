"""`pfs revert` and `pfs cherry-pick`: one commit's change, undone or made once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.history.merge import finish, side_options, sides
from pfsfuse.cli.shared.address import Reference, branch_only, commit_only
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.change import options
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Commit, Entry, Repo, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs revert trips  undo the last commit
    pfs revert trips@master.31 -m "the sensor was broken"  undo an earlier one
    pfs revert trips@1f3a5b7c --branch dev  on another branch
    """,
)
@click.argument("ref", metavar="REPO[@COMMIT]", type=Reference())
@click.option(
    "--branch", metavar="NAME", help="Where; default: the branch in COMMIT, else the default branch."
)
@side_options
@options
@pass_app
def revert(
    app: App,
    ref: str,
    branch: str | None,
    take_ours: tuple[str, ...],
    take_theirs: tuple[str, ...],
    message: str,
    author: str,
) -> None:
    """Undo what one commit changed, as a new commit.

    What later commits changed elsewhere stays. Where they changed the same file, there is a conflict, unless --ours
    keeps it or --theirs brings back what was there before the commit. Conflicts are listed, and nothing is changed.
    """
    with app.open() as opened:
        undone = commit_only(opened, ref)
        repo = opened.repo(undone.repo)
        where = branch or branch_in(repo, ref)
        done = repo.replay(
            where,
            undone.tree,
            before(opened, undone),
            resolve=sides(take_ours, take_theirs),
            message=message or f"revert {named(undone)}",
            author=author or None,
        )
        finish(app, done, where, f"reverting {safe(ref)} on {repo.name}@{safe(where)}")


@click.command(
    cls=Command,
    json=True,
    name="cherry-pick",
    examples="""
    pfs cherry-pick trips@dev.12 trips  make on master what the 12th commit of dev changed
    pfs cherry-pick trips@dev trips@stable --theirs '**'  taking its files where both changed them
    """,
)
@click.argument("ref", metavar="REPO@COMMIT", type=Reference())
@click.argument("branch", metavar="REPO[@BRANCH]", type=Reference())
@side_options
@options
@pass_app
def cherry_pick(
    app: App,
    ref: str,
    branch: str,
    take_ours: tuple[str, ...],
    take_theirs: tuple[str, ...],
    message: str,
    author: str,
) -> None:
    """Make the change of one commit on another branch or repo, as a new commit.

    The commit is compared with its parent. Where the branch changed the same file in another way, there is a conflict:
    conflicts are listed, and nothing is changed. The author stays, unless --author names another.
    """
    with app.open() as opened:
        picked, target = commit_only(opened, ref), branch_only(opened, branch)
        done = target.repo.replay(
            target.branch or "",
            before(opened, picked),
            picked.tree,
            resolve=sides(take_ours, take_theirs),
            message=message or f"{picked.message} (from {picked.repo}@{picked.id.short()})".lstrip(),
            author=author or picked.author or None,
        )
        finish(app, done, target.branch or "", f"picking {safe(ref)} for {safe(branch)}")


def before(store: Store, commit: Commit) -> Entry | None:
    """What was there before `commit`; None: nothing."""
    return None if commit.parent is None else store.commit(commit.repo, commit.parent).tree


def named(commit: Commit) -> str:
    """`trips@1f3a5b7c (31 July)`: a commit, in the message of another."""
    first = commit.message.partition("\n")[0]
    return f"{commit.repo}@{commit.id.short()}" + (f" ({first})" if first else "")


def branch_in(repo: Repo, reference: str) -> str:
    """The branch that an expression begins with (`dev` in trips@dev.31), else the default branch."""
    _, _, ref = reference.partition("@")
    names = [branch.name for branch in repo.branches()]
    said = [name for name in names if ref == name or (ref.startswith(name) and ref[len(name)] in ".^~@")]
    return max(said, key=len, default=repo.default_branch)
