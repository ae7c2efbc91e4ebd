"""`pfs branch`: movable names for commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli import address, jsonout, text
from pfsfuse.cli.address import Reference, RepoName, repo_only, str_commit
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.errors import CommandError
from pfsfuse.cli.group import Group
from pfsfuse.cli.repo import confirm
from pfsfuse.cli.staged import refuse_uncommitted

if TYPE_CHECKING:
    from store import Commit, Repo, Store


@click.command(
    cls=Group,
    examples="""
    pfs branch list trips  branches and their heads
    pfs branch create trips@dev  at the head of the default branch
    """,
)
def branch() -> None:
    """List, create, move and delete branches."""


@branch.add(
    name="list",
    json=True,
    examples="""
    pfs branch list trips  branches and their heads
    """,
)
@click.argument("repo", type=RepoName())
@pass_app
def list_(app: App, repo: str) -> None:
    """List the branches of a repo."""
    with app.open() as opened:
        found = repo_only(opened, repo)
        lines = found.branches_with_heads()
        if app.json:
            jsonout.write_list(
                {
                    "name": name,
                    "head": jsonout.commit(head) if head else None,
                    "default": name == found.default_branch,
                }
                for name, head in lines
            )
            return
        text.table(
            ("BRANCH", "COMMIT", "ID", "CHANGED", "MESSAGE"),
            (
                (
                    name,
                    str_commit(head, name),
                    head.id.short(),
                    text.when(head.finished_ns),
                    text.safe(head.message),
                )
                if head
                else (name, "(empty)", "", "", "")
                for name, head in lines
            ),
        )


@branch.add(
    examples="""
    pfs branch create trips@dev  at the head of the default branch
    pfs branch create trips@july --at master.31  at any commit
    """
)
@click.argument("branch", metavar="REPO@BRANCH", type=Reference())
@click.option("--at", "--head", metavar="REF", help="The commit it starts from: master.31, an id, a tag.")
@pass_app
def create(app: App, branch: str, at: str | None) -> None:
    """Create a branch."""
    name = address.name(branch, "branch")
    with app.open() as opened:
        repo = opened.repo(name.repo)
        repo.create_branch(name.name, commit_at(opened, repo, at))
    app.refresh()


@branch.add(
    examples="""
    pfs branch move trips@dev master  dev becomes what master is
    pfs branch move trips@master master~1  undo the last commit
    """
)
@click.argument("branch", metavar="REPO@BRANCH", type=Reference())
@click.argument("at", metavar="REF")
@pass_app
def move(app: App, branch: str, at: str) -> None:
    """Point a branch at another commit.

    Commits that no branch reaches any more can still be named by their ids.
    """
    name = address.name(branch, "branch")
    with app.open() as opened:
        repo = opened.repo(name.repo)
        refuse_output(repo)
        head = repo.head(name.name)
        to = commit_at(opened, repo, at)
        if to is None:
            raise CommandError(f"{text.safe(at)} has no commits yet")
        repo.advance(name.name, expect=head.id if head else None, to=to.id)
        click.echo(f"{str_commit(to, name.name)} {to.id}")
    app.refresh()


@branch.add(
    examples="""
    pfs branch delete trips@dev  asks first
    pfs branch delete trips@dev --yes  for scripts
    """
)
@click.argument("branch", metavar="REPO@BRANCH", type=Reference())
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also with changes that are not committed.")
@pass_app
def delete(app: App, branch: str, yes: bool, force: bool) -> None:
    """Delete a branch; its commits keep their ids.

    Refused while something is staged, or was written through a mount, and is not committed.
    """
    name = address.name(branch, "branch")
    with app.open(drafts=True) as opened:
        repo = opened.repo(name.repo)
        repo.head(name.name)  # no such branch: said before anything is asked
        refuse_output(repo)
        if not force:
            refuse_uncommitted(app, opened, repo, [name.name])
        confirm(yes, f"Delete the branch {branch}?")
        repo.drop_draft(name.name)
        repo.delete_branch(name.name)
    app.refresh()


def refuse_output(repo: Repo) -> None:
    """Only its pipeline moves the branches of a pipeline's repo."""
    if repo.origin == "pipeline":
        raise CommandError(
            f"{repo.name} holds what the pipeline {repo.name!r} computes",
            hint="only its pipeline moves its branches; a tag names a commit for good",
        )


def commit_at(store: Store, repo: Repo, at: str | None) -> Commit | None:
    """The commit of `repo` that `at` names, with or without the repo in front; None: the default head, if any."""
    if at is None:
        return repo.head()
    expression = at if at.startswith(f"{repo.name}@") else f"{repo.name}@{at}"
    return address.commit_only(store, expression)
