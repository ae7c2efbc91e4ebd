"""`pfs branch`: movable names for commits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import address, jsonout, text
from pfsfuse.cli.shared.address import Reference, RepoName, repo_only, str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.deleting import confirm, force_option, refuse_read, refuse_uncommitted, yes_option
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Group

if TYPE_CHECKING:
    from pfsfuse.pipeline import Trigger
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
    from pfsfuse.scheduler import triggers

    with app.open() as opened:
        found = repo_only(opened, repo)
        lines = found.branches_with_heads()
        following = {name: each for (of, name), each in triggers(opened).items() if of == found.name}
        if app.json:
            jsonout.write_list(
                {
                    "name": name,
                    "head": jsonout.commit(head) if head else None,
                    "default": name == found.default_branch,
                    "trigger": trigger_json(following[name].trigger) if name in following else None,
                }
                for name, head in lines
            )
            return
        text.table(
            ("BRANCH", "COMMIT", "ID", "CHANGED", "MESSAGE"),
            (
                (
                    name,
                    f"{name}.{head.depth}",
                    head.id.short(),
                    text.day(head.finished_ns),
                    text.safe(text.first_line(head.message)),
                )
                if head
                else (name, "(empty)", "", "", "")
                for name, head in lines
            ),
        )
        for name, each in following.items():
            click.echo(f"{name} follows {said(each.trigger)}")


@branch.add(
    examples="""
    pfs branch create trips@dev  at the head of the default branch
    pfs branch create trips@july --at master.31  at any commit
    pfs branch create trips@master --trigger staging --trigger-commits 10  follows staging, ten commits at a time
    """
)
@click.argument("branch", metavar="REPO@BRANCH", type=Reference())
@click.option("--at", "--head", metavar="REF", help="The commit it starts from: master.31, an id, a tag.")
@click.option("-t", "--trigger", "source", metavar="BRANCH", help="Follow this branch of the repo, when:")
@click.option(
    "--trigger-size", "size", default="", metavar="SIZE", help="so much more data is there: 1K, 2MiB;"
)
@click.option("--trigger-commits", "commits", type=int, metavar="N", help="so many more commits are there;")
@click.option(
    "--trigger-rate",
    "rate",
    default="",
    metavar="SCHEDULE",
    help="a time of it has passed: @every 1h, 0 6 * * *;",
)
@click.option(
    "--trigger-cron", "cron", default="", metavar="SCHEDULE", help="its time comes, and by nothing else."
)
@click.option("--trigger-all", "all_", is_flag=True, help="All conditions must hold, and not only one.")
@pass_app
def create(
    app: App,
    branch: str,
    at: str | None,
    source: str | None,
    size: str,
    commits: int | None,
    rate: str,
    cron: str,
    all_: bool,
) -> None:
    """Create a branch, or let one follow another.

    With --trigger, the branch (which may exist) is moved to the head of another when the conditions hold, each time
    that is committed to; whoever runs pipelines moves it. Pipelines that read it then run once, on all that came.
    """
    name = address.name(branch, "branch")
    if source is None:
        if size or commits is not None or rate or cron or all_:
            raise click.UsageError("conditions need --trigger BRANCH, the branch that is followed")
        with app.open() as opened:
            repo = opened.repo(name.repo)
            repo.create_branch(name.name, commit_at(opened, repo, at))
        app.refresh()
        return
    from pfsfuse.pipeline import make_trigger
    from pfsfuse.scheduler import set_trigger

    trigger = make_trigger(source, size=size, commits=commits, rate_limit_spec=rate, cron_spec=cron, all=all_)
    with app.open() as opened:
        repo = opened.repo(name.repo)
        refuse_computed(opened, repo, name.name)
        if at is not None:
            repo.create_branch(name.name, commit_at(opened, repo, at))
        set_trigger(opened, name.repo, name.name, trigger, now_ns=time.time_ns())
        awaited = (
            ""
            if any(each.name == source for each in repo.branches())
            else f" (there is no branch {source!r} yet)"
        )
    click.echo(f"{name.name} follows {said(trigger)}{awaited}", err=True)
    app.refresh()


@branch.add(
    examples="""
    pfs branch untrigger trips@master  it stays where it is
    """
)
@click.argument("branch", metavar="REPO@BRANCH", type=Reference())
@pass_app
def untrigger(app: App, branch: str) -> None:
    """Let a branch follow no other branch any more."""
    from pfsfuse.scheduler import remove_trigger, triggers

    name = address.name(branch, "branch")
    with app.open() as opened:
        opened.repo(name.repo).head(name.name)
        found = triggers(opened).get((name.repo, name.name))
        if found is None:
            raise CommandError(f"{name.repo}@{name.name} follows no branch")
        if found.pipeline:
            raise CommandError(
                f"{name.repo}@{name.name} belongs to an input of the pipeline {found.pipeline}",
                hint="it goes when the pipeline is updated to read a branch itself",
            )
        remove_trigger(opened, name.repo, name.name)
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

    Commits that no branch reaches any more can still be named by their ids, until `pfs drop` removes them.
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
@yes_option
@force_option
@pass_app
def delete(app: App, branch: str, yes: bool, force: bool) -> None:
    """Delete a branch; its commits keep their ids, until `pfs drop` removes them.

    Refused while something is staged, or was written through a mount, and is not committed, and while pipelines read
    it; with --force nothing comes to their input any more.
    """
    from pfsfuse.scheduler import remove_trigger

    name = address.name(branch, "branch")
    with app.open(drafts=True) as opened:
        repo = opened.repo(name.repo)
        repo.head(name.name)  # no such branch: said before anything is asked
        refuse_output(repo)
        if not force:
            refuse_read(opened, repo.name, name.name)
            refuse_uncommitted(app, opened, repo, [name.name])
        confirm(yes, f"Delete the branch {branch}?")
        repo.drop_draft(name.name)
        repo.delete_branch(name.name)
        remove_trigger(opened, name.repo, name.name)
    app.refresh()


def refuse_output(repo: Repo) -> None:
    """Only its pipeline moves the branches of a pipeline's repo, and only its clock those of a clock's."""
    if repo.origin == "cron":
        repo.check_editable()
    if repo.origin == "pipeline":
        raise CommandError(
            f"{repo.name} holds what the pipeline {repo.name!r} computes",
            hint="only its pipeline moves its branches; a tag names a commit for good",
        )


def refuse_computed(store: Store, repo: Repo, branch: str) -> None:
    """The branch that a pipeline writes follows nothing else."""
    from pfsfuse.scheduler import Ledger, spec_of

    made = Ledger(store).find_pipeline(repo.name) if repo.origin == "pipeline" else None
    if made is not None and spec_of(made).output_branch == branch:
        raise CommandError(
            f"{repo.name}@{branch} holds what the pipeline {repo.name!r} computes, and follows no other branch",
            hint="let another branch follow it",
        )


def said(trigger: Trigger) -> str:
    """`staging: 1,000 bytes or 3 commits`."""
    parts = [
        f"{trigger.size:,} bytes" if trigger.size else "",
        text.plural(trigger.commits, "commit") if trigger.commits else "",
        f"once a time of {trigger.rate_limit_spec!r} has passed" if trigger.rate_limit_spec else "",
        f"at {trigger.cron_spec!r}" if trigger.cron_spec else "",
    ]
    return f"{trigger.branch}: {(' and ' if trigger.all else ' or ').join(part for part in parts if part)}"


def trigger_json(trigger: Trigger) -> dict[str, object]:
    import msgspec

    written: dict[str, object] = msgspec.to_builtins(trigger)
    return written


def commit_at(store: Store, repo: Repo, at: str | None) -> Commit | None:
    """The commit of `repo` that `at` names, with or without the repo in front; None: the default head, if any."""
    if at is None:
        return repo.head()
    expression = at if at.startswith(f"{repo.name}@") else f"{repo.name}@{at}"
    return address.commit_only(store, expression)
