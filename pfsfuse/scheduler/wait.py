"""Waiting until everything downstream of a commit has been computed. Synchronous: the command line waits
here."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pfsfuse.errors import DaemonError, JobError
from pfsfuse.pipeline import inputs, starts_jobs, topological_order
from pfsfuse.role import Role, is_played
from pfsfuse.scheduler.deploy import readable
from pfsfuse.scheduler.history import StoreHistory
from pfsfuse.scheduler.job import WORDS, Job
from pfsfuse.scheduler.ledger import Ledger
from store import Commit, CommitId, Store

POLL_SECONDS = 0.05

HANDOVER_SECONDS = 1.0
"""For another daemon of the store to schedule when the one that did has died."""

Output = tuple[str, CommitId]
"""A repo and the commit of it that was computed."""


@dataclass(frozen=True, slots=True)
class Downstream:
    """How far everything is that is computed from a commit, seen at one moment."""

    outputs: tuple[Output, ...]
    """What is there, upstream before downstream."""
    pending: tuple[str, ...]
    """Pipelines whose job for it has not ended, or is yet to be planned."""
    failed: tuple[Job, ...]
    stopped: tuple[str, ...] = ()
    """Pipelines that have a job for it which has not ended, and are stopped."""


def wait_for(store: Store, commit: Commit, *, unscheduled_too: bool = False) -> list[Output]:
    """Return when every pipeline downstream of `commit` has finished its job for it; the commits computed.

    Returns at once when nothing reads the commit, or nothing ever will (it is older than the pipelines that
    read its branch). Raises JobError when a job has failed, and DaemonError when there is something to wait
    for and nobody schedules, unless `unscheduled_too`. A stopped pipeline is waited for only when it has a job for the
    commit: that is a JobError.
    """
    while True:
        seen = store.last_txnid()
        found = look(store, commit.repo, commit.id)
        for job in found.failed:
            raise _loss(job)
        if found.stopped:
            raise _stopped(found.stopped[0])
        if not found.pending:
            return list(found.outputs)
        _wait_change(store, seen, found.pending, unscheduled_too=unscheduled_too)


def wait_for_job(store: Store, job: Job, *, unscheduled_too: bool = False) -> Job:
    """Return the record of a job once it has succeeded. Raises as `wait_for` does; JobError also when its pipeline was
    deleted, or is stopped."""
    ledger = Ledger(store)
    while True:
        seen = store.last_txnid()
        now = ledger.find_job(job.pipeline, job.id)
        if now is None:
            raise JobError(f"the pipeline {job.pipeline} of job {job.id} was deleted")
        if now.lost:
            raise _loss(now)
        if now.ended:
            return now
        if ledger.pipeline(job.pipeline).paused:
            raise _stopped(job.pipeline)
        _wait_change(store, seen, (job.pipeline,), unscheduled_too=unscheduled_too)


def _stopped(pipeline: str) -> JobError:
    return JobError(
        f"pipeline {pipeline!r} is stopped, and its job for this commit has not ended",
        hint=f"`pfs pipeline start {pipeline}`",
    )


def _loss(job: Job) -> JobError:
    why, *_ = job.reason.splitlines() or [""]
    return JobError(
        f"job {job.pipeline}@{job.id} {WORDS[job.state]}: {why}",
        hint=f"`pfs job logs {job.pipeline}@{job.id}` shows what its commands printed",
    )


def _wait_change(store: Store, seen: int, pending: tuple[str, ...], *, unscheduled_too: bool) -> None:
    """Until the store is no longer as it was `seen`. Raises DaemonError when nobody schedules."""
    played = time.monotonic()
    while store.last_txnid() == seen:
        if unscheduled_too or is_played(store.path, Role.SCHEDULER):
            played = time.monotonic()
        elif time.monotonic() - played > HANDOVER_SECONDS:
            raise DaemonError(
                f"nobody runs pipelines for this store, and {', '.join(pending)} has work to do",
                hint="start one with `pfs mount` or `pfs scheduler`",
            )
        time.sleep(POLL_SECONDS)


def look(store: Store, repo: str, commit: CommitId) -> Downstream:
    """How far everything downstream of this commit is."""
    ledger = Ledger(store)
    history = StoreHistory(store)
    pipelines = ledger.pipelines()
    paused = {each.name for each in pipelines if each.paused}
    specs = readable(pipelines)
    # Cursors and requests before jobs: whatever is planned in between is then seen twice, and not overlooked.
    cursors = ledger.cursors()
    again = {(each.pipeline, each.job) for each in ledger.requests() if each.kind == "retry"}
    outputs: dict[Output, None] = {}
    pending: dict[str, None] = {}
    failed: dict[str, Job] = {}
    sources: list[Output] = [(repo, commit)]
    for name in topological_order(specs):
        for source, id in tuple(sources):
            leaves = [leaf for leaf in inputs(specs[name]) if leaf.repo == source]
            branches = {leaf.branch for leaf in leaves}
            starting = {leaf.branch for leaf in leaves if starts_jobs(leaf)}
            arrived = (
                history.arrivals(source, branch, cursors.get((name, source, branch))) for branch in starting
            )
            if name not in paused and any(each.commit == id for found in arrived for each in found):
                pending[name] = None
            elif branches and (job := _job_for(ledger, name, source, str(id))) is not None:
                output = (name, CommitId.parse(job.id))
                if not job.ended or (name, job.id) in again:
                    pending[name] = None
                elif job.lost:
                    failed[name] = job
                elif output not in outputs:
                    outputs[output] = None
                    sources.append(output)
    return Downstream(tuple(outputs), tuple(pending), tuple(failed.values()), tuple(paused & pending.keys()))


def _job_for(ledger: Ledger, pipeline: str, repo: str, commit: str) -> Job | None:
    """The job that this commit caused; without one, the first job that read it (when the pipeline was
    made)."""
    first = None
    for job in ledger.newest_first(pipeline):
        if job.reads(repo, commit):
            if commit in (job.cause.commit, job.id):
                return job
            first = job
    return first
