"""`pfs service`: transforms that keep running, JupyterLab first of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pfsfuse.cli.pipelines.specfile import SPEC_FILE, read_spec_file, warn
from pfsfuse.cli.shared import text
from pfsfuse.cli.shared.address import str_commit
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Group

if TYPE_CHECKING:
    from pfsfuse.service import Service
    from store import Store

WAIT_SECONDS = 90.0
"""JupyterLab takes 2 to 10 s on an idle machine; a busy one needs patience."""

COLORS = {"running": "green", "failed": "red", "starting": "yellow", "stopping": "yellow"}


@click.command(
    cls=Group,
    examples="""
    pfs service create -f jupyter.json  start what the file describes
    pfs service list  names, states, addresses
    pfs service stop jupyter  end it, and commit what it saved
    """,
)
def service() -> None:
    """Create, list, show and stop services."""


@service.add(
    json=True,
    examples="""
    pfs service create -f jupyter.json  and print its address
    pfs service create -f - < jupyter.json  the same, from standard input
    """,
)
@click.option(
    "-f",
    "--file",
    "file",
    required=True,
    type=SPEC_FILE,
    help="The specification, JSON or YAML; - is standard input.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait until it answers.")
@pass_app
def create(app: App, file: str, no_wait: bool) -> None:
    """Start a service, and wait until it answers.

    Its inputs stay at the commits they have now; one with `follow: true` moves along with its branch, and the service
    is started again for each new commit. The JSON of Pachyderm 1.3's jobs with a `service` is taken, too.
    """
    from pfsfuse.pipeline import parse_service
    from pfsfuse.service import create_service

    spec_text, source, stem = read_spec_file(file)
    warnings: list[str] = []
    spec = parse_service(spec_text, source=source, default_name=stem, warnings=warnings)
    warn(warnings)
    with app.open() as opened:
        made = create_service(opened, spec, wait_seconds=0.0 if no_wait else WAIT_SECONDS)
        announce(app, made)


@service.add(
    name="list",
    json=True,
    examples="""
    pfs service list  names, states, addresses
    """,
)
@pass_app
def list_(app: App) -> None:
    """List services, running or ended."""
    from pfsfuse.service import list_services

    with app.open() as opened:
        services = list_services(opened)
    if app.json:
        write_json(services)
    else:
        print_services(services)


@service.add(
    json=True,
    examples="""
    pfs service show jupyter  its address, its inputs, its log
    """,
)
@click.argument("name")
@pass_app
def show(app: App, name: str) -> None:
    """Describe one service."""
    import store as storage
    from pfsfuse.service import show_service

    with app.open() as opened:
        found = show_service(opened, storage.names.repo(name))
        if app.json:
            write_json(found)
            return
        text.fields(
            [
                ("service", found.name),
                ("state", found.state + (f": {text.safe(found.reason)}" if found.reason else "")),
                ("address", found.url if found.state == "running" else ""),
                ("started", text.when(found.started_ns) if found.started_ns else ""),
                ("restarts", str(found.restarts) if found.restarts else ""),
                ("pid", str(found.pid or "")),
                ("out", found.out),
                ("log", found.log),
                ("saved", saved(opened, found)),
            ]
        )
        for each in found.inputs:
            click.echo(f"  /pfs/{each.name}  {each.repo}@{each.branch} {each.commit}")


@service.add(
    examples="""
    pfs service stop jupyter  prints the commit of what was saved in /pfs/out
    """
)
@click.argument("name")
@pass_app
def stop(app: App, name: str) -> None:
    """End a service, and commit what it saved in /pfs/out to the repo of its name."""
    import store as storage
    from pfsfuse.service import stop_service

    with app.open() as opened:
        commit = stop_service(opened, storage.names.repo(name))
    app.refresh()
    if commit is None:
        click.echo("nothing was saved", err=True)
    else:
        click.echo(f"{str_commit(commit)} {commit.id}")


@service.add(
    examples="""
    pfs service delete jupyter  its repo stays
    """
)
@click.argument("name")
@pass_app
def delete(app: App, name: str) -> None:
    """Forget a service that has ended; what it saved stays in its repo."""
    import store as storage
    from pfsfuse.service import delete_service

    with app.open() as opened:
        delete_service(opened, storage.names.repo(name))


def write_json(value: Service | list[Service]) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)))


def announce(app: App, made: Service) -> None:
    """Where to click, and how to end it."""
    if app.json:
        write_json(made)
        return
    click.echo(made.url)
    click.echo(f"`pfs service stop {made.name}` ends it and commits what was saved in /pfs/out", err=True)


def print_services(services: list[Service]) -> None:
    if not services:
        click.echo("no services; `pfs jupyter REPO@REF` starts one", err=True)
        return
    text.table(("SERVICE", "STATE", "INPUTS", "ADDRESS"), map(row, services), whole=True)


def row(each: Service) -> tuple[str, ...]:
    inputs = ", ".join(f"{found.repo}@{found.commit[:8]}" for found in each.inputs) or "all repos"
    address = each.url if each.state == "running" else text.safe(each.reason)
    return each.name, click.style(each.state, fg=COLORS.get(each.state)), inputs, address


def saved(store: Store, found: Service) -> str:
    if found.commit is None:
        return ""
    from store import CommitId

    return f"{str_commit(store.commit(found.name, CommitId.parse(found.commit)))} {found.commit}"


def as_rows(services: list[Service]) -> list[dict[str, Any]]:
    """What `pfs status --json` says of services."""
    return [
        {"name": each.name, "state": each.state, "url": each.url, "reason": each.reason} for each in services
    ]
