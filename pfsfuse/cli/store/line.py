"""A line on a terminal that says how far something is."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

EVERY_SECONDS = 0.1


class Line:
    """Counts what is done; written over itself."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._next = time.monotonic() + EVERY_SECONDS
        self.shown = False

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next and sys.stderr.isatty():
            self._next, self.shown = now + EVERY_SECONDS, True
            line = f"{self._label}  {done:,} {what}" + (f" of {total:,}" if total else "")
            click.echo(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)


@contextmanager
def shown_progress(label: str) -> Iterator[Line]:
    """A line on stderr, if that is a terminal, gone when it ends."""
    line = Line(label)
    try:
        yield line
    finally:
        if line.shown:
            click.echo("\r\x1b[K", nl=False, err=True)
