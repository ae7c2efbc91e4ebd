"""What a job's commands printed, line by line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pfsfuse.pipeline import Datum, Spec
from pfsfuse.scheduler.datums import datums_of
from pfsfuse.scheduler.job import Job
from pfsfuse.worker.api import datum_pin
from pfsfuse.worker.logfile import job_log_directory, log_path
from pfsfuse.worker.note import note_of
from pfsfuse.worker.printed import read_marks
from pfsfuse.worker.removal import remove_tree
from store import Store

LINE = 1 << 20
"""Bytes after which a line that goes on is cut, so that none is longer than memory."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a datum's command printed, or that was noted beside it (it starts with `pfs: `)."""

    datum: str
    time_ns: int
    """When it came, to a fifth of a second."""
    text: bytes
    """As it was printed, without the newline."""


@dataclass(slots=True)
class LogReader:
    """Reads the log of one datum from where it left off, also while it is being written."""

    path: Path
    _offset: int = 0
    _rest: bytes = field(default=b"", repr=False)

    def read(self, *, at_end: bool = False) -> Iterator[Line]:
        """The lines that have come since; one without its newline only `at_end`. None when there is no log."""
        datum = self.path.name.removesuffix(".log")
        marks = read_marks(self.path)
        offsets = [offset for offset, _ in marks]
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            if file.seek(0, 2) < self._offset:  # something was left out meanwhile: what is at the end is new
                self._rest = b""
            else:
                file.seek(self._offset - len(self._rest))
            at = file.tell()
            for text in iter(lambda: file.readline(LINE), b""):
                if not text.endswith(b"\n") and len(text) < LINE and not at_end:
                    self._rest = text
                    break
                self._rest = b""
                _, time_ns = marks[max(0, bisect_right(offsets, at) - 1)]
                at += len(text)
                yield Line(datum, time_ns, text.removesuffix(b"\n"))
            self._offset = file.tell()


def job_logs(store: Store, job: Job, only: Collection[str] | None = None) -> list[Path]:
    """The log of each datum that this job ran, named `<datum id>.log`, oldest first; of the datums in `only`, if given,
    also of those that were skipped, as the job that computed them left it."""
    directory = job_log_directory(store.path, job.pipeline, job.id)
    if only is None:
        found = list(directory.glob("*.log"))
    else:
        found = [path for datum in only if (path := _log_of(store, job, datum)).exists()]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def reading(store: Store, spec: Spec, job: Job, path: str) -> list[str]:
    """The ids of the datums of a job that read `path` of an input, or something in it: `[INPUT:]PATH`."""
    name, colon, rest = path.partition(":")
    known = {each.name for each in job.inputs}
    wanted = (
        (name if colon and name in known else None),
        (rest if colon and name in known else path).strip("/"),
    )
    return [datum.id for datum in datums_of(store, spec, job) if _reads(datum, *wanted)]


def _reads(datum: Datum, name: str | None, path: str) -> bool:
    for each in datum.inputs:
        given = each.path.strip("/")
        below = not given or path == given or path.startswith(given + "/") or given.startswith(path + "/")
        if (name is None or name == each.name) and (below or not path):
            return True
    return False


def remove_logs(store: Store, pipeline: str) -> None:
    """Remove everything that a pipeline's jobs have printed."""
    remove_tree(job_log_directory(store.path, pipeline, ""))


def _log_of(store: Store, job: Job, datum: str) -> Path:
    own = log_path(store.path, job.pipeline, job.id, datum)
    if own.exists() or (pin := store.pins.get(datum_pin(datum))) is None:
        return own
    note = note_of(pin)
    return own if note is None else log_path(store.path, note.pipeline, note.job, datum)
