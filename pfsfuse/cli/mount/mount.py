"""`pfs mount`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from pfsfuse.cli.mount.unit import unit
from pfsfuse.cli.mount.views import views
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.executor import executor_options, with_executor
from pfsfuse.cli.shared.foreground import serve
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe
from pfsfuse.errors import DaemonError
from pfsfuse.mountoptions import MountOptions


@click.command(
    cls=Command,
    examples="""
    pfs mount  at /pfs
    pfs mount ~/pfs  at a directory of your own
    pfs mount --read-only  nothing can be changed through it
    pfs mount --autocommit 30  what was written becomes a commit when nothing was written for 30 seconds
    pfs mount --view trips@master.31 --view dev=trips@dev  show these two, as trips@master.31 and dev
    pfs mount --foreground  stay, and end with Ctrl-C
    pfs mount --print-unit > /etc/systemd/system/pfs.service  have systemd keep it: `systemctl enable --now pfs`
    """,
)
@click.argument("mountpoint", required=False, type=click.Path())
@click.option("--foreground", is_flag=True, help="Stay until Ctrl-C; messages go to the terminal.")
@click.option("--read-only", is_flag=True, help="Nothing can be changed through this mount.")
@click.option("--allow-other", is_flag=True, help="Let other users read it, root included.")
@click.option(
    "--autocommit",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1, max=86400),
    help="Commit what is staged after so many quiet seconds.",
)
@click.option("--xattrs", is_flag=True, help="Answer extended attributes, and keep those that are set.")
@click.option(
    "--view",
    "shown",
    metavar="[NAME=]REPO[@REF]",
    multiple=True,
    help="Show this branch or commit, and nothing that is not named so.",
)
@click.option("--print-unit", is_flag=True, help="Mount nothing: print a systemd unit that does.")
@executor_options
@pass_app
def mount(
    app: App,
    mountpoint: str | None,
    foreground: bool,
    read_only: bool,
    allow_other: bool,
    autocommit: float | None,
    xattrs: bool,
    shown: tuple[str, ...],
    print_unit: bool,
    executor: str,
    address: str | None,
) -> None:
    """Mount every repo below a directory, and run pipelines and services.

    Returns when the mount answers. Below MOUNTPOINT (default /pfs): trips is the newest commit of trips, trips@dev
    another branch, trips@master.31 or any other commit a directory that never changes, trips@ lists them all.
    Branches can be written to: `pfs status trips` lists what has changed, `pfs commit trips` makes it a commit. So does
    `echo MESSAGE > /pfs/.pfs/commit/trips`, from any program; and --autocommit, after a quiet time, or ten times that
    when it never is quiet. Where a commit failed, `.pfs/status` and the log say why, and nothing is lost.

    With --xattrs, `getfattr -n user.pfs.commit FILE` tells what a file belongs to (and so do user.pfs.repo, .digest,
    .size and .provenance), and attributes that are set are kept in commits. It costs `ls -l` a request for each name,
    and a file that many commits share is cached once for each.
    """
    if autocommit is not None and read_only:
        raise click.UsageError("--autocommit is for what is written, and --read-only lets nothing be written")
    config = with_executor(app.config(), executor, address)
    at = Path(mountpoint).absolute() if mountpoint is not None else config.mountpoint

    def options() -> MountOptions:
        chosen = None
        if shown:
            with app.open_or_create() as opened:
                chosen = views(opened, shown)
        return MountOptions(
            read_only=read_only,
            allow_other=allow_other,
            autocommit_seconds=autocommit,
            xattrs=xattrs,
            views=chosen,
        )

    if print_unit:
        app.open_or_create().close()  # a unit is for a store that can be opened
        options()
        click.echo(_unit(config.store, at), nl=False)
        return
    if foreground:
        serve(config, mountpoint=at, options=options())
        return
    from pfsfuse.control import launch

    with launch.Starting(config, at) as starting:
        try:
            ready = starting.go(options())
        except DaemonError:
            # If it is the store, its own error says more. Not asked before: to load what opens it takes as long as the
            # daemon takes to mount.
            app.open_or_create().close()
            raise
    click.echo(f"mounted at {safe(str(at))} (pid {ready.pid})")


def _unit(store: Path, at: Path) -> str:
    """The unit for the command line that this process was given, with every path absolute."""
    given = click.get_current_context().params
    program = os.path.abspath(sys.argv[0])
    command = [program] if os.path.basename(program) == "pfs" else [sys.executable, "-m", "pfsfuse.cli"]
    command += ["--store", str(store), "mount", "--foreground"]
    command += [
        name for name in ("--read-only", "--allow-other", "--xattrs") if given[name[2:].replace("-", "_")]
    ]
    command += [] if given["autocommit"] is None else ["--autocommit", f"{given['autocommit']:g}"]
    command += [word for each in given["shown"] for word in ("--view", each)]
    return unit([*command, str(at)], store=str(store), mountpoint=str(at), system=os.geteuid() == 0)
