"""What a job's commands printed, line by line."""

from __future__ import annotations

import os
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
from pfsfuse.worker.printed import HEAD, STATEMENT_BYTES, read_left_out, read_marks
from pfsfuse.worker.removal import remove_tree
from store import Store

LINE = 1 << 20
"""Bytes after which a line that goes on is cut, so that none is longer than memory."""
BLOCK = 1 << 20
"""Bytes that are read at once."""
LEFT_OUT = b"pfs: %d bytes left out here"


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
    """Reads the log of one datum from where it left off, also while it is being written.

    Every line that the log keeps is read once. What the log has let go before it could be read (a command prints faster
    than somebody reads) is not passed over in silence: a line says how many bytes that were.
    """

    path: Path
    head: int = HEAD
    """Bytes after which the log may leave something out."""
    _offset: int = 0
    """Bytes of what was printed that have been read, or will never be."""
    _rest: bytes = field(default=b"", repr=False)
    """The last of them, the beginning of a line."""

    def read(self, *, at_end: bool = False) -> Iterator[Line]:
        """The lines that have come since; one without its newline only `at_end`. None when there is no log."""
        marks = read_marks(self.path)
        offsets = [offset for offset, _ in marks]
        datum = self.path.name.removesuffix(".log")
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            while True:
                left_out = read_left_out(file, self.head)
                missing = self.head + left_out - self._offset if left_out and self._offset >= self.head else 0
                at = self._offset if self._offset < self.head or not left_out else self._place(left_out)
                most = min(BLOCK, self.head - at) if left_out and at < self.head else BLOCK
                data = os.pread(file, most, at) if missing <= 0 else b""
                if read_left_out(file, self.head) != left_out:
                    continue  # the tail moved under it
                _, time_ns = marks[max(0, bisect_right(offsets, at) - 1)]
                if missing > 0:
                    for text in filter(None, (self._rest, LEFT_OUT % missing)):
                        yield Line(datum, time_ns, text)
                    self._offset, self._rest = self._offset + missing, b""
                    continue
                if not data:
                    break
                begun = at - len(self._rest)
                self._offset += len(data)
                *whole, self._rest = (self._rest + data).split(b"\n")
                for text in whole:
                    _, time_ns = marks[max(0, bisect_right(offsets, begun) - 1)]
                    begun += len(text) + 1
                    yield from (Line(datum, time_ns, piece) for piece in _pieces(text))
                if len(self._rest) >= LINE:
                    yield Line(datum, time_ns, self._rest)
                    self._rest = b""
            if at_end and self._rest:
                yield Line(datum, marks[-1][1], self._rest)
                self._rest = b""
        finally:
            os.close(file)

    def _place(self, left_out: int) -> int:
        """Where in the file the bytes at the offset are, once so many have been left out before them."""
        return max(self.head, self._offset - left_out) + STATEMENT_BYTES


def _pieces(text: bytes) -> Iterator[bytes]:
    """A line, in as many as it takes."""
    for at in range(0, max(1, len(text)), LINE):
        yield text[at : at + LINE]


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
