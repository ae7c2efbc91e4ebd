"""Writing what the commands of a job printed: all of it, the end of it, or as it comes."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from pfsfuse.cli.shared.text import iso

if TYPE_CHECKING:
    from pfsfuse.scheduler import Job
    from pfsfuse.scheduler.logs import Line
    from store import Store

POLL_SECONDS = 0.2


def write_logs(
    store: Store,
    job: Job,
    *,
    only: Collection[str] | None,
    since_ns: int,
    tail: int | None,
    follow: bool,
    as_json: bool,
) -> bool:
    """Write the lines of a job's datums, or of those in `only`, to standard output; whether there was any log."""
    lines = _Lines(store, job, only)
    wanted = (line for line in lines.read(at_end=job.ended) if line.time_ns >= since_ns)
    _write(job, deque(wanted, maxlen=tail) if tail is not None else wanted, as_json)
    if follow:
        for line in _coming(store, job, lines):
            _write(job, (line,), as_json)
    return lines.found


class _Lines:
    """The lines of several logs, each from where it was left off."""

    def __init__(self, store: Store, job: Job, only: Collection[str] | None) -> None:
        from pfsfuse.scheduler.logs import LogReader

        self._store, self._job, self._only = store, job, only
        self._readers: dict[str, LogReader] = {}

    @property
    def found(self) -> bool:
        return bool(self._readers)

    def read(self, *, at_end: bool) -> Iterator[Line]:
        """What has come since."""
        from pfsfuse.scheduler.logs import LogReader, job_logs

        for path in job_logs(self._store, self._job, self._only):
            reader = self._readers.setdefault(str(path), LogReader(path))
            yield from reader.read(at_end=at_end)


def _coming(store: Store, job: Job, lines: _Lines) -> Iterator[Line]:
    """The lines that come until the job has ended."""
    from pfsfuse.scheduler import Ledger

    ended = job.ended
    while not ended:
        time.sleep(POLL_SECONDS)
        now = Ledger(store).find_job(job.pipeline, job.id)
        ended = now is None or now.ended
        yield from lines.read(at_end=ended)


def _write(job: Job, lines: Iterable[Line], as_json: bool) -> None:
    output = sys.stdout.buffer
    for line in lines:
        output.write((_json(job, line) if as_json else line.text) + b"\n")
    output.flush()


def _json(job: Job, line: Line) -> bytes:
    """One object a line; bytes that are not UTF-8 are lone surrogates, as in any path in Python."""
    said = {
        "time": iso(line.time_ns),
        "pipeline": job.pipeline,
        "job": job.id,
        "datum": line.datum,
        "message": line.text.decode("utf-8", "surrogateescape"),
    }
    return json.dumps(said).encode()
