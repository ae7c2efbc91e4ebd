"""`pfs umount`."""

from __future__ import annotations

from pathlib import Path

import click

from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.cli.shared.text import safe
from pfsfuse.errors import MountError


@click.command(
    cls=Command,
    examples="""
    pfs umount  the mount of this store
    pfs umount ~/pfs  one of several
    pfs umount --lazy  take it away now; programs that are using it go on until they are done
    """,
)
@click.argument("mountpoint", required=False, type=click.Path())
@click.option(
    "--lazy", is_flag=True, help="Though it is in use: nobody finds it any more, who has it goes on."
)
@pass_app
def umount(app: App, mountpoint: str | None, lazy: bool) -> None:
    """Unmount what `pfs mount` mounted.

    Services are stopped and what they saved is committed; jobs go on when the scheduler runs again. What was written
    and not committed is there at the next mount. A mount that programs are using stays, and they are named. With
    --lazy it disappears from its place at once, and its daemon ends when the last of them does; until then no other
    mount can write to the branches that were written to through it.
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
    if (daemon := client.find_mount(served, at)) is None:
        fuse.unmount(at)
        return
    users = fuse.users_of(at)
    if not users:
        client.stop(served, daemon.pid)
    elif lazy:
        fuse.detach(at)
        click.echo(f"unmounted; daemon {daemon.pid} serves {', '.join(map(safe, users))} until they are done")
    else:
        raise MountError(
            f"{safe(str(at))} is in use by {', '.join(map(safe, users))}",
            hint="end them, or `pfs umount --lazy` lets them finish",
        )


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
