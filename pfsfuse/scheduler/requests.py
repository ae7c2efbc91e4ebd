"""Stopping jobs and trying them again.

Only the process that schedules changes jobs. So a wish is first recorded (`stop_job`, `request_retry`), and carried out
by whoever schedules, now or when somebody does (`answer`). The wish to end a job that has ended by itself is dropped. A
retry that a newer job has overtaken leaves a job of the id that was promised, which says why it was never run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from pfsfuse.errors import JobError, SpecError
from pfsfuse.role import Role, RoleLock, is_played
from pfsfuse.scheduler import output
from pfsfuse.scheduler.deploy import readable, spec_of
from pfsfuse.scheduler.history import StoreHistory
from pfsfuse.scheduler.job import WORDS, Job, Pipeline, Request, State
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.plan import plan_retry
from store import CommitId, Conflict, Store, StoreError

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05


def stop_job(
    store: Store, job: Job, *, reason: str = "stopped", wake: Callable[[], None] = lambda: None
) -> Job:
    """End a job; returns its record once it has ended, whether or not anybody schedules. `wake` tells whoever does.

    What its datums have computed is kept. A job that was about to succeed may have. Raises JobError when it has
    ended already, and StoreError when nobody schedules and its end cannot be written: then whoever does ends it.
    """
    if job.ended:
        raise JobError(f"job {job.pipeline}@{job.id} has ended already ({job.state})")
    ledger = Ledger(store)
    request = Request(pipeline=job.pipeline, job=job.id, kind="stop", reason=reason)
    ledger.put_request(request)
    wake()
    while (now := ledger.find_job(job.pipeline, job.id)) is not None and not now.ended:
        if not is_played(store.path, Role.SCHEDULER):
            with RoleLock(store.path, Role.SCHEDULER) as lock:
                if lock.acquire_nowait():
                    pipelines = {each.name: each for each in ledger.pipelines()}
                    with suppress(Conflict):  # a pipeline was changed just now: once more
                        _answer_one(store, ledger, pipelines, request, time.time_ns(), ())
                    continue
        time.sleep(POLL_SECONDS)
    return now or replace(job, state="killed", reason="its pipeline was deleted")


def request_retry(store: Store, job: Job) -> str:
    """Have a job that was lost run again, with what it would have brought about downstream; the new jobs' id: the same
    one for all who ask before that is carried out.

    It runs as soon as somebody schedules; what was computed before is not computed again. Should a new commit have got
    its job before that, the one of this id is `unrunnable`, and says so. Raises JobError for a job
    that has not been lost, or that a newer one of its pipeline has followed: its output would come after newer output.
    """
    if not job.lost:
        raise JobError(
            f"job {job.pipeline}@{job.id} {'succeeded' if job.ended else 'has not ended'}",
            hint=f"`pfs job stop {job.pipeline}@{job.id[:8]}` ends it" if not job.ended else "",
        )
    ledger = Ledger(store)
    upstream = [ledger.find_job(each.repo, each.commit) for each in job.inputs]
    if lost := [each for each in upstream if each is not None and each.lost]:
        raise JobError(
            f"job {job.pipeline}@{job.id} reads the output of {lost[0].pipeline}@{lost[0].id}, which"
            f" {WORDS[lost[0].state]}",
            hint=f"`pfs job retry {lost[0].pipeline}` tries that again, and what is downstream of it",
        )
    if newer := _newer(ledger, job):
        raise JobError(
            f"job {job.pipeline}@{job.id} was followed by {newer.pipeline}@{newer.id}",
            hint="only a pipeline's newest job can be tried again",
        )
    return ledger.put_request_once(
        Request(pipeline=job.pipeline, job=job.id, kind="retry", id=str(CommitId.new()))
    ).id


def answer(
    store: Store, pipelines: dict[str, Pipeline], *, now_ns: int, running: Collection[tuple[str, str]] = ()
) -> None:
    """Carry out what can be: all but the end of jobs that are `running` (pipeline, id), which run in this process.

    One that cannot be carried out is logged, stays, and holds up no other. To be called by the process that schedules
    only.
    """
    ledger = Ledger(store)
    for request in ledger.requests():
        try:
            _answer_one(store, ledger, pipelines, request, now_ns, running)
        except Conflict as error:
            log.info("%s of job %s@%s comes later: %s", request.kind, request.pipeline, request.job, error)
        except (StoreError, SpecError) as error:
            log.error("%s of job %s@%s: %s", request.kind, request.pipeline, request.job, error)


def _answer_one(
    store: Store,
    ledger: Ledger,
    pipelines: dict[str, Pipeline],
    request: Request,
    now_ns: int,
    running: Collection[tuple[str, str]],
) -> None:
    job = ledger.find_job(request.pipeline, request.job)
    changed: tuple[Job, ...] = ()
    if job is None or request.pipeline not in pipelines:
        pass
    elif request.kind == "retry" and job.lost:
        if (newer := _newer(ledger, job)) is not None:
            changed = (_refused(job, request, now_ns, f"was followed by {newer.id} before that"),)
        else:
            changed = _again(store, ledger, pipelines, job, request.id, now_ns)
            if not changed:
                changed = (_refused(job, request, now_ns, "has an input now that holds nothing"),)
    elif request.kind == "stop" and not job.ended:
        if (job.pipeline, job.id) in running:
            return
        pipeline = pipelines[request.pipeline]
        changed = (end_unrun(store, pipeline, job, "killed", request.reason, now_ns),)
    # Or a pipeline that was deleted just now would have jobs again.
    expect = {each.pipeline: pipelines[each.pipeline] for each in changed}
    ledger.apply(changed, {}, answered=(request,), expect=expect)


def end_unrun(store: Store, pipeline: Pipeline, job: Job, state: State, reason: str, now_ns: int) -> Job:
    """The record of a job that is to end without being run (further).

    When its commit has been made, just before its scheduler died, that decides how it has ended; otherwise a job that
    had begun leaves a failed commit, with the reason, and one that had not leaves none. Raises Conflict when the
    pipeline is not what it was.
    """
    made = output.find_output(store, job)
    if made is None and job.started_ns is not None:
        made = output.fail_output(store, job, reason, partial(Ledger(store).hold, pipeline=pipeline))
    if made is not None and made.state == "finished" and job.state != "egressing":
        state, reason = "success", made.reason
    return replace(job, state=state, reason=reason, finished_ns=max(now_ns, job.started_ns or 0))


def _again(
    store: Store, ledger: Ledger, pipelines: dict[str, Pipeline], job: Job, id: str, now_ns: int
) -> tuple[Job, ...]:
    specs = readable(pipelines.values()) | {job.pipeline: spec_of(pipelines[job.pipeline])}
    since_ns = {name: each.plans_since_ns for name, each in pipelines.items()}
    planned = plan_retry(specs, since_ns, job, ledger, StoreHistory(store), id=id, now_ns=now_ns)
    return tuple(replace(each, version=pipelines[each.pipeline].version) for each in planned)


def _refused(lost: Job, request: Request, now_ns: int, why: str) -> Job:
    """The record of a retry that is not carried out. It stands beside the job that it was to repeat, behind all that
    came later: it is nobody's newest job."""
    reason = f"job {lost.id} was to be tried again, but {why}"
    log.info("job %s@%s is not run: %s", lost.pipeline, request.id, reason)
    return Job(
        pipeline=lost.pipeline,
        id=request.id,
        output_branch=lost.output_branch,
        inputs=lost.inputs,
        cause=lost.cause,
        number=lost.number,
        version=lost.version,
        created_ns=lost.created_ns,
        state="unrunnable",
        reason=reason,
        finished_ns=max(now_ns, lost.created_ns),
    )


def _newer(ledger: Ledger, job: Job) -> Job | None:
    newest = next(ledger.newest_first(job.pipeline), None)
    return newest if newest is not None and newest.number > job.number else None
