"""The datums of a job, one by one: what each reads, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pfsfuse.errors import JobError
from pfsfuse.pipeline import CronInput, Datum, Spec, enumerate_datums, followed_branch, inputs
from pfsfuse.scheduler.adopting import Adopting
from pfsfuse.scheduler.growth import Growth, find_growth
from pfsfuse.scheduler.job import DatumRun, DatumState, Job
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.worker.api import Outcome, datum_pin
from pfsfuse.worker.note import note_of
from store import CommitId, Pin, Store


@dataclass(frozen=True, slots=True)
class JobDatum:
    """A datum, seen from a job."""

    datum: Datum
    state: DatumState
    run: DatumRun | None
    """How it went, when the job has run it."""


@dataclass(frozen=True, slots=True)
class Work:
    """The datums of a job that is about to be run."""

    total: int
    """Its datums, of which those that are known are not held: there may be 100,000."""
    todo: tuple[Datum, ...]
    """Those that have not ended in this job, and whose result is not known, in the order of enumeration."""
    ended: int
    """How many have ended in this job, before whoever ran it died."""
    unrecorded: tuple[DatumRun, ...]
    """Those of them of which only their result tells."""
    growth: Growth | None
    """Set when the job goes on from the one before."""


def datums_of(store: Store, spec: Spec, job: Job) -> Iterator[Datum]:
    """The datums of a job, each once, in the order of enumeration. Raises CommitNotFound."""
    commits = [store.commit(each.repo, CommitId.parse(each.commit)) for each in job.inputs]
    return _once(enumerate_datums(spec, commits))


def _once(datums: Iterable[Datum]) -> Iterator[Datum]:
    seen: set[bytes] = set()
    for datum in datums:
        name = bytes.fromhex(datum.id)  # half the memory
        if name not in seen:
            seen.add(name)
            yield datum


def preview(store: Store, spec: Spec) -> Iterator[Datum]:
    """The datums that a job of `spec` would have if its inputs were read now, each once, in order; nothing is run.

    Raises RepoNotFound and RefNotFound for an input that is not there, and JobError for one that holds nothing, or that
    comes into being with the pipeline, and for a spout.
    """
    if spec.spout is not None:
        raise JobError(f"{spec.name!r} is a spout: it runs all the time on no input, and has no datums")
    commits = []
    for leaf in inputs(spec):
        if isinstance(leaf, CronInput):
            raise JobError(f"input {leaf.name!r} is a clock: its datums are the ticks that come")
        head = store.repo(leaf.repo).head(followed_branch(leaf))
        if head is None:
            raise JobError(
                f"{leaf.repo}@{followed_branch(leaf)} has no commits yet", hint="there are no datums"
            )
        commits.append(head)
    return _once(enumerate_datums(spec, commits))


def find_work(
    store: Store,
    spec: Spec,
    job: Job,
    *,
    stands: Sequence[str] = (),
    grows: bool = True,
    count: Callable[[DatumRun], None] = lambda run: None,
) -> Work:
    """What is left to do of a job, whether or not it has been begun. Results of the transforms with the keys `stands`
    count as its own. With `grows` it goes on from the one before where it can, whose datums are then not looked at.
    `count` is told how each datum went that has ended in this job: they are not held, there may be 100,000."""
    before = Ledger(store).datum_runs(job) if job.started_ns is not None else {}
    growth = find_growth(store, spec, job) if grows else None
    datums: Iterable[Datum] = datums_of(store, spec, job) if growth is None else growth.changes.come
    total, ended, todo, unrecorded = 0, 0, [], []
    with Adopting(store, stands) as adopting:
        for datum in datums:
            total += 1
            run = before.pop(datum.id, None)
            if run is None or run.state == "success":
                pin = store.pins.get(datum_pin(datum.id)) or adopting.find(datum)
                if pin is None:
                    todo.append(datum)
                    continue
                if job.started_ns is not None and run is None:
                    run = _run_of(pin, job)  # it ended after the last record of how far the job was
                    unrecorded += [] if run is None else [run]
            if run is not None:
                ended += 1
                count(run)
    return Work(total if growth is None else growth.total, tuple(todo), ended, tuple(unrecorded), growth)


def iter_datums(store: Store, spec: Spec, job: Job) -> Iterator[JobDatum]:
    """The datums of a job as they are now, in the order of enumeration."""
    runs = Ledger(store).datum_runs(job)
    for datum in datums_of(store, spec, job):
        yield _seen(store, job, datum, runs.get(datum.id))


def find_datum(store: Store, spec: Spec, job: Job, id: str) -> JobDatum:
    """The datum of a job whose id starts with `id`. Raises JobError when there is none, or more than one."""
    found = [datum for datum in datums_of(store, spec, job) if datum.id.startswith(id)]
    if len(found) != 1:
        raise JobError(
            f"job {job.pipeline}@{job.id} has {f'{len(found)} datums' if found else 'no datum'} {id!r}",
            hint=f"`pfs datum list {job.pipeline}@{job.id[:8]}` shows its datums",
        )
    return _seen(store, job, found[0], Ledger(store).datum_runs(job, found[0].id).get(found[0].id))


def run_of(outcome: Outcome, now_ns: int) -> DatumRun:
    """The record of a datum that has just ended."""
    return DatumRun(
        datum=outcome.datum,
        state=outcome.state,
        attempts=outcome.attempts,
        exit_code=outcome.exit_code,
        reason=outcome.reason.encode("utf-8", "replace").decode(),
        seconds=outcome.seconds,
        files=outcome.files,
        read_bytes=outcome.read_bytes,
        written_bytes=outcome.size,
        finished_ns=now_ns,
    )


def _seen(store: Store, job: Job, datum: Datum, run: DatumRun | None) -> JobDatum:
    if run is None and (pin := store.pins.get(datum_pin(datum.id))) is not None:
        run = _run_of(pin, job)
        note = note_of(pin)
        later = job.finished_ns is not None and note is not None and note.finished_ns > job.finished_ns
        if run is None and not later:  # otherwise another job has computed it, after this one
            return JobDatum(datum, "skipped", None)
    return JobDatum(datum, run.state if run is not None else "waiting", run)


def _run_of(pin: Pin, job: Job) -> DatumRun | None:
    """How the datum with this output went in `job`; None when another job has computed it."""
    note = note_of(pin)
    if note is None or (note.pipeline, note.job) != (job.pipeline, job.id):
        return None
    return DatumRun(
        datum=pin.name.rpartition(b"/")[2].decode(),
        state="success",
        attempts=note.attempts,
        exit_code=note.exit_code,
        seconds=note.seconds,
        files=note.files,
        read_bytes=note.read_bytes,
        written_bytes=note.size,
        finished_ns=note.finished_ns,
    )
