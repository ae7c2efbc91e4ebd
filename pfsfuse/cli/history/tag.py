"""`pfs tag`: names for commits that never move."""

from __future__ import annotations

import click

from pfsfuse.cli.history.branch import commit_at
from pfsfuse.cli.shared import address, jsonout, text
from pfsfuse.cli.shared.address import Reference, RepoName, first_commit, repo_only, str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.deleting import confirm, yes_option
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Group


@click.command(
    cls=Group,
    examples="""
    pfs tag create trips@july-2016 --at master.31  name a commit for good
    pfs ls trips@july-2016  and read it by that name
    """,
)
def tag() -> None:
    """List, create and delete tags."""


@tag.add(
    name="list",
    json=True,
    examples="""
    pfs tag list trips  tags and their commits
    """,
)
@click.argument("repo", type=RepoName())
@pass_app
def list_(app: App, repo: str) -> None:
    """List the tags of a repo."""
    with app.open() as opened:
        found = repo_only(opened, repo)
        tags = [(each.name, opened.commit(found.name, each.commit)) for each in found.tags()]
        if app.json:
            jsonout.write_list({"name": name, "commit": jsonout.commit(commit)} for name, commit in tags)
            return
        text.table(
            ("TAG", "COMMIT", "ID", "CHANGED", "MESSAGE"),
            (
                (
                    name,
                    str_commit(commit).partition("@")[2],
                    commit.id.short(),
                    text.day(commit.finished_ns),
                    text.safe(text.first_line(commit.message)),
                )
                for name, commit in tags
            ),
        )


@tag.add(
    examples="""
    pfs tag create trips@v1  the head of the default branch
    pfs tag create trips@july-2016 --at master.31  any commit
    """
)
@click.argument("tag", metavar="REPO@TAG", type=Reference())
@click.option("--at", metavar="REF", help="The commit: master.31, an id, another tag.")
@pass_app
def create(app: App, tag: str, at: str | None) -> None:
    """Create a tag, which stays at its commit for good."""
    name = address.name(tag, "tag")
    with app.open() as opened:
        repo = opened.repo(name.repo)
        commit = commit_at(opened, repo, at)
        if commit is None:
            raise CommandError(f"{name.repo} has no commits yet", hint=first_commit(repo))
        repo.create_tag(name.name, commit)
    app.refresh()


@tag.add(
    examples="""
    pfs tag delete trips@v1  asks first
    pfs tag delete trips@v1 --yes  for scripts
    """
)
@click.argument("tag", metavar="REPO@TAG", type=Reference())
@yes_option
@pass_app
def delete(app: App, tag: str, yes: bool) -> None:
    """Delete a tag; its commit stays."""
    name = address.name(tag, "tag")
    with app.open() as opened:
        repo = opened.repo(name.repo)
        opened.resolve(tag)  # no such tag: said before anything is asked
        confirm(yes, f"Delete the tag {tag}?")
        repo.delete_tag(name.name)
    app.refresh()
