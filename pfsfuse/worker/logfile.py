"""The log of a datum: what its command printed, and the end of it as text fit for a message."""

from __future__ import annotations

import contextlib
from pathlib import Path

TAIL_LINES = 20
TAIL_BYTES = 8 << 10


def log_path(store: Path, pipeline: str, job: str, datum: str) -> Path:
    """Where the output of this datum's command in this job is kept."""
    return job_log_directory(store, pipeline, job) / f"{datum}.log"


def job_log_directory(store: Path, pipeline: str, job: str) -> Path:
    """The logs of a job, one file for each datum it ran, named by the datum's id."""
    return store / "logs" / "jobs" / pipeline / job


def write_line(path: Path, line: str) -> None:
    """Append a line of our own (it starts with `pfs: `) to a log, which is made if need be.

    A log that cannot be written (a full disk) is no reason to fail: what the line says is in the outcome, too.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"pfs: {line}\n")


def tail(path: Path) -> tuple[str, ...]:
    """The last lines of a log, without anything a terminal would obey; () when there is none to be read."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            data = file.read()
    except OSError:
        return ()
    lines = data.decode("utf-8", "replace").splitlines()
    return tuple(_printable(line) for line in lines[-TAIL_LINES:])


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)
