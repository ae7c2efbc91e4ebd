"""`pfs scheduler`: pipelines and services without a mount."""

from __future__ import annotations

import click

from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.executor import executor_options, with_executor
from pfsfuse.cli.shared.foreground import serve
from pfsfuse.cli.shared.group import Command


@click.command(
    cls=Command,
    examples="""
    pfs scheduler  until Ctrl-C
    pfs scheduler --background  return when it runs
    pfs scheduler --executor dask --address tcp://head:8786  datums are computed on other hosts
    """,
)
@click.option("--background", is_flag=True, help="Return when it runs; its messages go to a log.")
@executor_options
@pass_app
def scheduler(app: App, background: bool, executor: str, address: str | None) -> None:
    """Run pipelines and services without a mount.

    Commits made while nothing ran are processed first. `pfs mount` does all this, too: for each store, one process at a
    time schedules.
    """
    config = with_executor(app.config(), executor, address)
    app.open_or_create().close()
    if background:
        from pfsfuse.control import launch

        ready = launch.start_scheduler(config)
        click.echo(f"scheduling (pid {ready.pid})")
        return
    serve(config)
