"""`pfs status`: what is staged for repos; without any, the store and everything that runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pfsfuse.cli.pipelines.service import as_rows, print_services
from pfsfuse.cli.pipelines.showing import as_json, newest_job, print_pipelines
from pfsfuse.cli.shared import jsonout, staged, text
from pfsfuse.cli.shared.address import Reference, branch_only
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.repotext import is_shown, print_repos

if TYPE_CHECKING:
    from pathlib import Path

    from pfsfuse.control.messages import Status
    from store import Repo, Store


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs status  repos, mounts, pipelines, services, and branches with something staged
    pfs status trips weather@dev  what is staged for repos, path by path
    pfs status --json  for programs
    """,
)
@click.argument("repos", metavar="[REPO[@BRANCH]]...", nargs=-1, type=Reference())
@pass_app
def status(app: App, repos: tuple[str, ...]) -> None:
    """Show what is staged, or the store and everything that runs on it.

    With REPOs: what has been added (A), modified (M) and deleted (D) through the mount, or with put, rm, mv and cp
    --stage, and is not committed yet; on every branch of the repo unless one is named. `pfs diff --staged` has sizes
    and lines.
    """
    if repos:
        with app.open(drafts=True) as opened:
            show_staged(app, opened, repos)
    else:
        show_store(app)


def show_staged(app: App, store: Store, refs: Sequence[str]) -> None:
    """The branches that `refs` name, and what is staged for each."""
    lines: dict[tuple[str, str], Repo] = {}
    for ref in refs:
        target = branch_only(store, ref)
        branches = [each.branch for each in target.repo.drafts()] if ref == target.repo.name else []
        for branch in branches or [target.branch or ""]:
            lines[target.repo.name, branch] = target.repo
    app.require_staged(*lines)
    found = [(repo, branch, repo.standing(branch)) for (_, branch), repo in lines.items()]
    if app.json:
        jsonout.write([staged.as_json(store, *each) for each in found])
        return
    for each in found:
        staged.print_status(store, *each)


def show_store(app: App) -> None:
    """Repos, daemons, pipelines, services, drafts."""
    from pfsfuse.control import client
    from pfsfuse.scheduler import Ledger
    from pfsfuse.service import list_services

    with app.open() as opened:
        repos = [line for line in opened.repos_with_heads() if is_shown(line[0])]
        ledger = Ledger(opened)
        pipelines = [(each, newest_job(ledger, each.name)) for each in ledger.pipelines()]
        services = list_services(opened)
        drafts = [f"{each.repo}@{each.branch}" for each in opened.drafts()]
        daemons = client.daemons(opened.path)
        if app.json:
            jsonout.write(
                {
                    "store": str(opened.path),
                    "stored": stored(opened.path),
                    "repos": [each.name for each, _ in repos],
                    "daemons": [daemon_json(each) for each in daemons],
                    "pipelines": [as_json(*each) for each in pipelines],
                    "services": as_rows(services),
                    "drafts": drafts,
                }
            )
            return
        text.fields([("store", f"{text.safe(str(opened.path))}, {text.size(stored(opened.path))} on disk")])
        for each in daemons:
            click.echo(daemon_line(each))
        if not daemons:
            click.echo("nothing runs; `pfs mount` starts the mount, pipelines and services")
        if drafts:
            click.echo(f"staged, not committed: {', '.join(drafts)}; `pfs status REPO` lists what")
        click.echo()
        print_repos(repos)
        if pipelines:
            click.echo()
            print_pipelines(pipelines)
        if services:
            click.echo()
            print_services(services)


def stored(path: Path) -> int:
    """Bytes the store takes on disk; its database is a sparse file, much longer than that."""
    return (path / "data.mdb").stat().st_blocks * 512


def duties(daemon: Status) -> list[str]:
    found = [f"mounted at {text.safe(daemon.mountpoint)}"] if daemon.mountpoint is not None else []
    found += ["runs pipelines"] if daemon.scheduling else []
    return found + (["runs services"] if daemon.supervising else [])


def daemon_line(daemon: Status) -> str:
    return f"daemon {daemon.pid}: {', '.join(duties(daemon)) or 'starting'}, since {text.when(daemon.started_ns)}"


def daemon_json(daemon: Status) -> dict[str, Any]:
    return {
        "pid": daemon.pid,
        "mountpoint": daemon.mountpoint,
        "scheduling": daemon.scheduling,
        "supervising": daemon.supervising,
        "started": text.iso(daemon.started_ns),
    }
