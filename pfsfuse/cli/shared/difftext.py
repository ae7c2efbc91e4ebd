"""How a change between two commits is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text

if TYPE_CHECKING:
    from store import Change

COLORS = {"A": "green", "M": "yellow", "D": "red"}
"""Of the letters that stand for changes."""


def styled(kind: str) -> str:
    return click.style(kind, fg=COLORS.get(kind, "cyan"))


def line(change: Change) -> str:
    return f"{styled(change.kind)} {text.safe(change.path)}"


def as_json(change: Change) -> jsonout.Json:
    return {
        "change": change.kind,
        "path": change.path.decode("utf-8", "surrogateescape"),
        "old": jsonout.entry(change.path, change.old) if change.old else None,
        "new": jsonout.entry(change.path, change.new) if change.new else None,
    }
