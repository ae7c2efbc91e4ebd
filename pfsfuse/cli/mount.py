"""`pfs mount` and `pfs umount`."""

from __future__ import annotations

from pathlib import Path

import click

from pfsfuse.cli.app import App, pass_app
from pfsfuse.cli.foreground import serve
from pfsfuse.cli.group import Command
from pfsfuse.cli.text import safe
from pfsfuse.errors import MountError
from pfsfuse.mountoptions import MountOptions


@click.command(
    cls=Command,
    examples="""
    pfs mount  at /pfs
    pfs mount ~/pfs  at a directory of your own
    pfs mount --read-only  nothing can be changed through it
    pfs mount --autocommit 30  what was written becomes a commit when nothing was written for 30 seconds
    pfs mount --foreground  stay, and end with Ctrl-C
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
@pass_app
def mount(
    app: App,
    mountpoint: str | None,
    foreground: bool,
    read_only: bool,
    allow_other: bool,
    autocommit: float | None,
    xattrs: bool,
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
    options = MountOptions(
        read_only=read_only, allow_other=allow_other, autocommit_seconds=autocommit, xattrs=xattrs
    )
    config = app.config()
    at = Path(mountpoint).absolute() if mountpoint is not None else config.mountpoint
    app.open_or_create().close()  # what is wrong with the store is said here, before anything is started
    if foreground:
        serve(config, mountpoint=at, options=options)
        return
    from pfsfuse.control import launch

    ready = launch.start_mount(config, at, options)
    click.echo(f"mounted at {safe(str(at))} (pid {ready.pid})")


@click.command(
    cls=Command,
    examples="""
    pfs umount  the mount of this store
    pfs umount ~/pfs  one of several
    """,
)
@click.argument("mountpoint", required=False, type=click.Path())
@pass_app
def umount(app: App, mountpoint: str | None) -> None:
    """Unmount what `pfs mount` mounted.

    Services are stopped and what they saved is committed; jobs go on when the scheduler runs again.
    """
    from pfsfuse import fuse
    from pfsfuse.control import client

    store_path = app.config().store
    at = (
        Path(mountpoint).absolute()
        if mountpoint is not None
        else _only(fuse.mounts_of(store_path), store_path)
    )
    served = fuse.store_at(at) or store_path  # another store's mount can be named, too
    if (daemon := client.find_mount(served, at)) is not None:
        client.stop(served, daemon.pid)
    else:
        fuse.unmount(at)


def _only(mounts: list[Path], store_path: Path) -> Path:
    """The one mount of a store."""
    if not mounts:
        raise MountError(
            f"{safe(str(store_path))} is not mounted", hint="`findmnt -t fuse.pfs` lists what is mounted"
        )
    if len(mounts) > 1:
        raise MountError(
            f"mounted at {', '.join(safe(str(path)) for path in mounts)}",
            hint="say which: `pfs umount MOUNTPOINT`",
        )
    return mounts[0]
