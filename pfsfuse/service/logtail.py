"""The end of what a service printed, short enough for an error message."""

from __future__ import annotations

import os
from pathlib import Path

LINES = 3
BYTES = 4096


def size(log: Path) -> int:
    """Where the log ends now, in bytes; 0 when there is none."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def tail(log: Path, *, since: int) -> str:
    """The last lines written after the first `since` bytes, joined by " | "; "" when there are none."""
    try:
        with log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(since, end - BYTES))
            text = file.read(BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-LINES:])
