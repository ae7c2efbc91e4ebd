"""Running a verb in a process of its own: LMDB trusts its pages, so a damaged one may end whoever reads it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

import click

from pfsfuse.cli.shared.app import App
from pfsfuse.lastwords import DAMAGED


def run_in_child(app: App, arguments: Sequence[str]) -> int:
    """Run `pfs store ARGUMENTS --within` on the same store; its exit code, or minus the signal that ended it."""
    options = [*(["--json"] if app.json else []), *(["--debug"] if app.debug else [])]
    where = ["--store", str(app.store_path())]
    command = [sys.executable, "-P", "-m", "pfsfuse.cli", *where, "store", arguments[0], "--within", *options]
    child = subprocess.Popen([*command, *arguments[1:]])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has it too, and says so
    try:
        return child.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def exit_as_child(app: App, arguments: Sequence[str], advice: str) -> None:
    """The same, and end as it ended; when a page ended it, say so on stderr, and then `advice`."""
    code = run_in_child(app, arguments)
    if code < 0:
        click.echo(
            f"pfs: error: damaged database: a page of it made this end with {signal_name(code)}; {advice}",
            err=True,
        )
        code = DAMAGED
    click.get_current_context().exit(code)


def signal_name(code: int) -> str:
    return signal.Signals(-code).name
