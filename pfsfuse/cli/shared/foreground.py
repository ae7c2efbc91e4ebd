"""A daemon in the foreground: this process serves, and says on stderr what happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared.text import safe
from pfsfuse.mountoptions import MountOptions
from pfsfuse.notify import READY, STOPPING, notify

if TYPE_CHECKING:
    from pathlib import Path

    from pfsfuse.config import Config


def serve(config: Config, *, mountpoint: Path | None = None, options: MountOptions | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; with a mountpoint, mounted there."""
    from pfsfuse import daemon

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    what = f"mounted at {safe(str(mountpoint))}" if mountpoint is not None else "scheduling"

    def ready() -> None:
        click.echo(f"{what}; Ctrl-C ends it", err=True)
        notify(config.notify_socket, f"{READY}\nSTATUS={what}")

    daemon.run(
        config,
        mountpoint=mountpoint,
        options=options or MountOptions(),
        ready=ready,
        ending=lambda: notify(config.notify_socket, STOPPING),
    )
