"""Stopping a pipeline, starting it again, and running it by hand. Synchronous, like `deploy`."""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec.structs import replace

from pfsfuse.errors import JobError
from pfsfuse.pipeline import Leaf, inputs
from pfsfuse.scheduler.arrivals import Arrival
from pfsfuse.scheduler.deploy import job_on, order_job, spec_of
from pfsfuse.scheduler.history import StoreHistory
from pfsfuse.scheduler.job import Job, Pipeline
from pfsfuse.scheduler.ledger import Deployed, Ledger
from store import Commit, Store


def stop_pipeline(store: Store, name: str) -> Pipeline:
    """Plan and run nothing for it until it is started. What runs for it is ended by whoever schedules, and goes on
    from there when it is started: what its datums have computed is kept. Harmless when it is stopped already."""
    ledger = Ledger(store)
    now = ledger.pipeline(name)
    if now.paused:
        return now
    stopped = replace(now, paused=True)
    ledger.deploy([Deployed(stopped)], {name: now})
    return stopped


def start_pipeline(store: Store, name: str, *, now_ns: int | None = None) -> Job | None:
    """Let a stopped pipeline go on: with the jobs it had, then with one job on what its inputs hold now, which stands
    for everything that arrived meanwhile. That job; None when nothing arrived, or an input holds nothing.

    Harmless when it is not stopped.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    ledger = Ledger(store)
    now = ledger.pipeline(name)
    if not now.paused:
        return None
    spec = spec_of(now)
    job, cursors = order_job(ledger, StoreHistory(store), spec, now.version, now_ns=now_ns)
    if job is not None and _is_done(ledger, now, job):
        job = None
    started = replace(now, paused=False, since_ns=now_ns)
    ledger.deploy([Deployed(started, cursors=cursors, job=job)], {name: now})
    return job


def run_pipeline(
    store: Store, name: str, commits: Mapping[str, Commit] | None = None, *, now_ns: int | None = None
) -> Job:
    """Order a job on these commits (by the name of the input), and on what the other inputs hold now.

    What was computed before is not computed again. Its output becomes the head of the output branch. Raises JobError
    for an input that the pipeline does not have, that holds nothing, or for a pipeline that is stopped.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    ledger = Ledger(store)
    now = ledger.pipeline(name)
    if now.paused:
        raise JobError(f"pipeline {name!r} is stopped", hint=f"`pfs pipeline start {name}` first")
    if "spout" in now.spec:
        raise JobError(f"{name!r} is a spout: it runs all the time", hint=f"`pfs pipeline show {name}`")
    spec, history, given = spec_of(now), StoreHistory(store), dict(commits or {})
    pins = [_chosen(history, leaf, given.pop(leaf.name, None)) for leaf in inputs(spec)]
    if given:
        names = ", ".join(leaf.name for leaf in inputs(spec))
        raise JobError(f"pipeline {name!r} has no input {next(iter(given))!r}", hint=f"its inputs: {names}")
    job = job_on(ledger, history, spec, now.version, pins, now_ns=now_ns)
    if job is None:
        empty = next(leaf for leaf, pin in zip(inputs(spec), pins, strict=True) if pin is None)
        raise JobError(f"{empty.repo}@{empty.branch} has no commits yet", hint="there is nothing to run on")
    ledger.deploy([Deployed(now, job=job)], {name: now})
    return job


def _chosen(history: StoreHistory, leaf: Leaf, commit: Commit | None) -> Arrival | None:
    if commit is None:
        return history.head(leaf.repo, leaf.branch)
    if commit.repo != leaf.repo:
        raise JobError(f"input {leaf.name!r} reads {leaf.repo}, not {commit.repo}")
    return Arrival(leaf.repo, leaf.branch, commit.id, commit.finished_ns)


def _is_done(ledger: Ledger, now: Pipeline, job: Job) -> bool:
    """Whether the pipeline's newest job did the same already, or is about to."""
    newest = next(ledger.newest_first(now.name), None)
    return (
        newest is not None
        and newest.version >= now.oldest
        and newest.state in ("created", "running", "egressing", "success")
        and newest.inputs == job.inputs
    )
