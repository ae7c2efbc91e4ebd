"""`pfs repo`: create, list, show and delete repos."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pfsfuse.cli import jsonout, text
from pfsfuse.cli.address import RepoName, repo_only, str_commit
from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.errors import CommandError
from pfsfuse.cli.group import Group
from pfsfuse.cli.staged import refuse_uncommitted

if TYPE_CHECKING:
    from store import Commit, Repo, Store


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


def is_shown(repo: Repo) -> bool:
    """Whether people would look for it in a list: not the repo of a cron input."""
    return repo.origin != "cron"


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
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--force", is_flag=True, help="Also with changes that are not committed, or when pipelines read it."
)
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


def refuse_read(store: Store, repo: str, branch: str | None = None) -> None:
    """A repo, or a branch of it, that pipelines read is not deleted."""
    from pfsfuse.scheduler import readers

    if found := readers(store, repo, branch):
        name = repo if branch is None else f"{repo}@{branch}"
        raise CommandError(
            f"{name} is read by {'pipeline' if len(found) == 1 else 'pipelines'} {', '.join(found)}",
            hint=f"delete first: `pfs pipeline delete {found[0]}`, or use --force",
        )


def confirm(yes: bool, question: str) -> None:
    """Ask, on a terminal; without one, `--yes` has to be given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("not on a terminal, so nobody can be asked: add --yes")
    click.confirm(question, abort=True, err=True)


def as_json(found: Repo) -> jsonout.Json:
    head = found.head()
    return {
        "name": found.name,
        "description": found.description,
        "origin": found.origin,
        "created": text.iso(found.created_ns),
        "default_branch": found.default_branch,
        "head": jsonout.commit(head) if head else None,
        "branches": {each.name: str(each.head) if each.head else None for each in found.branches()},
        "tags": {each.name: str(each.commit) for each in found.tags()},
    }


def print_repos(repos: list[tuple[Repo, Commit | None]]) -> None:
    if not repos:
        click.echo("no repos yet; `pfs repo create NAME` makes one", err=True)
        return
    lines = []
    for found, head in repos:
        lines.append(
            (
                found.name,
                f"{found.default_branch}.{head.depth}" if head else "(empty)",
                f"{head.tree.files:,}" if head else "0",
                text.size(head.tree.size) if head else "0 B",
                text.day(head.finished_ns) if head else "",
                text.safe(text.first_line(found.description)),
            )
        )
    text.table(("REPO", "HEAD", "FILES>", "SIZE>", "CHANGED", "DESCRIPTION"), lines)


def describe(app: App, found: Repo) -> None:
    if app.json:
        jsonout.write(as_json(found))
        return
    head = found.head()
    text.fields(
        [
            ("repo", found.name),
            ("description", text.safe(found.description)),
            ("made by", found.origin),
            ("created", text.when(found.created_ns)),
            ("head", str_commit(head, found.default_branch) if head else "(no commits yet)"),
            (
                "content",
                f"{text.plural(head.tree.files, 'file')}, {text.size(head.tree.size)}" if head else "",
            ),
            ("branches", ", ".join(each.name for each in found.branches())),
            ("tags", ", ".join(each.name for each in found.tags())),
        ]
    )
