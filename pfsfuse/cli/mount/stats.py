"""`pfs stats`: what mounts were asked."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import Command
from pfsfuse.errors import MountError

EVERY = 2.0
"""Seconds between two looks of --watch."""
Json = dict[str, Any]


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs stats  requests since the mount began, by kind
    pfs stats --watch  what was asked in the last two seconds, until Ctrl-C
    pfs stats ~/pfs --json  one of several mounts, for programs
    """,
)
@click.argument("mountpoint", required=False, type=click.Path())
@click.option("--watch", is_flag=True, help=f"Show every {EVERY:.0f} s what came since the last time.")
@pass_app
def stats(app: App, mountpoint: str | None, watch: bool) -> None:
    """Count what a mount was asked, and how long its answers took.

    What the kernel answers from its own caches is never asked, and not counted: a second look at a commit shows
    next to nothing. Times are rounded up to powers of two.
    """
    mounts = [Path(mountpoint).absolute()] if mountpoint is not None else _mounts(app)
    before = {mount: _read(mount) for mount in mounts}
    if not watch:
        _show(app, before)
        return
    while True:
        time.sleep(EVERY)
        now = {mount: _read(mount) for mount in mounts}
        _show(app, {mount: since(before[mount], now[mount]) for mount in mounts})
        before = now


def since(before: Json, now: Json) -> Json:
    """What came between two looks; the latencies are those of all time."""
    requests = {}
    for kind, figures in now["requests"].items():
        old = before["requests"].get(kind, {"count": 0, "seconds": 0.0})
        if figures["count"] > old["count"]:
            requests[kind] = {
                **figures,
                "count": figures["count"] - old["count"],
                "seconds": round(figures["seconds"] - old["seconds"], 6),
            }
    return {**now, "requests": requests}


def _mounts(app: App) -> list[Path]:
    from pfsfuse import fuse

    store_path = app.config().store
    found = fuse.mounts_of(store_path)
    if not found:
        raise MountError(f"{text.safe(str(store_path))} is not mounted", hint="`pfs mount` mounts it")
    return found


def _read(mount: Path) -> Json:
    try:
        found: Json = json.loads((mount / ".pfs" / "stats").read_bytes())
    except OSError as error:
        raise MountError(
            f"{text.safe(str(mount))} is no mount that answers: {error.strerror}",
            hint="`findmnt -t fuse.pfs` lists what is mounted",
        ) from None
    return found


def _show(app: App, found: dict[Path, Json]) -> None:
    if app.json:
        jsonout.write([{"mountpoint": str(mount), **figures} for mount, figures in found.items()])
        return
    for mount, figures in found.items():
        click.echo(
            f"{text.safe(str(mount))}  {text.plural(figures['inodes'], 'inode')}, "
            f"{text.plural(figures['handles'], 'handle')}"
        )
        text.table(
            ("REQUEST", "COUNT>", "SECONDS>", "MEDIAN>", "99 %>", "LONGEST>"),
            (
                (
                    kind,
                    f"{each['count']:,}",
                    f"{each['seconds']:.3f}",
                    *(f"{each[name]:,.0f} µs" for name in ("median_us", "p99_us", "max_us")),
                )
                for kind, each in figures["requests"].items()
            ),
        )
