"""`pfs repo`: create, list, show and delete repos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout
from pfsfuse.cli.shared.address import RepoName, repo_only
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.deleting import confirm, force_option, refuse_read, refuse_uncommitted, yes_option
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Group
from pfsfuse.cli.shared.repotext import as_json, describe, is_shown, print_repos

if TYPE_CHECKING:
    pass


@click.command(
    cls=Group,
    examples="""
    pfs repo create trips  make an empty repo
    pfs repo list  all repos of the store
    """,
)
def repo() -> None:
    """Create, list, show and delete repos."""


@repo.add(
    examples="""
    pfs repo create trips  in the default store, which is made if need be
    pfs repo create trips -d "rides a day"  with a line that says what it holds
    pfs --store ./data repo create trips  in a store of its own
    """
)
@click.argument("name")
@click.option("-d", "--description", default="", help="What the repo holds, in one line.")
@pass_app
def create(app: App, name: str, description: str) -> None:
    """Create an empty repo, and the store where there is none."""
    import store

    store.names.repo(name)  # before a store is made for it
    with app.open_or_create() as opened:
        opened.create_repo(name, description=description)
    app.refresh()


@repo.add(
    name="list",
    json=True,
    examples="""
    pfs repo list  names, sizes, heads
    pfs repo list --all  and those that hold the ticks of clocks
    pfs repo list --json  for programs
    """,
)
@click.option("-a", "--all", "all_", is_flag=True, help="Also those of cron inputs, which hold only ticks.")
@pass_app
def list_(app: App, all_: bool) -> None:
    """List repos."""
    with app.open() as opened:
        if app.json:
            jsonout.write_list(as_json(each) for each in opened.repos() if all_ or is_shown(each))
        else:
            print_repos([line for line in opened.repos_with_heads() if all_ or is_shown(line[0])])


@repo.add(
    json=True,
    examples="""
    pfs repo show trips  its branches, its size, where it came from
    """,
)
@click.argument("name", type=RepoName())
@pass_app
def show(app: App, name: str) -> None:
    """Describe one repo."""
    with app.open() as opened:
        describe(app, repo_only(opened, name))


@repo.add(
    examples="""
    pfs repo delete trips  asks first
    pfs repo delete trips --yes  for scripts
    """
)
@click.argument("name", type=RepoName())
@yes_option
@force_option
@pass_app
def delete(app: App, name: str, yes: bool, force: bool) -> None:
    """Delete a repo with all its branches and commits.

    Refused while something is staged, or was written through a mount, and is not committed, and while pipelines read
    it; with --force nothing comes to their input any more.
    """
    from pfsfuse.scheduler import Ledger

    with app.open(drafts=True) as opened:
        found = repo_only(opened, name)
        if found.origin == "pipeline" and Ledger(opened).find_pipeline(name) is not None:
            raise CommandError(
                f"{name} holds what a pipeline computes",
                hint=f"`pfs pipeline delete {name}` deletes the pipeline first",
            )
        if not force:
            refuse_read(opened, name)
            refuse_uncommitted(app, opened, found, [each.name for each in found.branches()])
        confirm(yes, f"Delete {name} and all its history?")
        opened.delete_repo(name)
    app.refresh()
