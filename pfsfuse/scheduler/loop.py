"""The scheduler: notices what is new, plans, runs, and begins again where a dead one stopped.

    Scheduler.run ──► lock ──► one nursery
                                 ├── plan, start what can be started, wait until the store changes, again
                                 └── one task for each running job, at most one for each pipeline

Nothing it knows is only in memory. What it holds (which jobs run in this process) is lost with the process,
and the next scheduler finds those jobs open in the ledger.

If you add an `await` to `_start`: a pipeline must be in `_running` before anything else can look.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec
import trio
from msgspec.structs import replace

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import Spec
from pfsfuse.role import Role, RoleLock
from pfsfuse.scheduler.arrivals import branches_read, find_arrivals
from pfsfuse.scheduler.deploy import spec_of
from pfsfuse.scheduler.history import StoreHistory
from pfsfuse.scheduler.job import Job, Pipeline, Request, overtaken_by
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.logs import remove_logs
from pfsfuse.scheduler.numbers import Numbers
from pfsfuse.scheduler.ownership import PipelineGone
from pfsfuse.scheduler.plan import plan_jobs
from pfsfuse.scheduler.requests import answer, end_unrun
from pfsfuse.scheduler.results import spec_for
from pfsfuse.scheduler.run import JobRun
from pfsfuse.scheduler.steps import Fail, Run, next_steps
from pfsfuse.scheduler.ticks import Newest, clocks, tick
from pfsfuse.scheduler.triggers import move_branches
from pfsfuse.scheduler.trouble import Trouble
from pfsfuse.worker.api import Executor
from store import CommitId, Conflict, Store, StoreError

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
"""Between two looks for changes that other processes have made; a look reads one number."""

RETRY_SECONDS = 2.0
"""Before what could not be planned is planned again, and a job whose end could not be recorded is taken up again (the
disk was full, say)."""

MOVES = 10_000
"""Times that branches are moved before anything is run; a backlog with more goes on after that."""


@dataclass(slots=True)
class _Running:
    pipeline: Pipeline
    step: Run | Fail
    run: JobRun | None = None
    """Once it has begun."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class Scheduler:
    """Runs the pipelines of one store, as long as it has the scheduler's lock."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._executor = executor
        self._ledger = Ledger(store)
        self._numbers = Numbers(store)
        self._now_ns = now_ns
        self._poll_seconds = poll_seconds
        self._specs: dict[tuple[str, int, int], Spec | None] = {}
        self._running: dict[str, _Running] = {}
        self._requests: list[Request] = []
        """Those that are left: to end jobs that run here."""
        self._due_ns: int | None = None
        """When the next tick of a schedule comes."""
        self._newest_ticks: Newest = {}
        self._trouble = Trouble()
        self._numbered = False
        """Whether the numbers of jobs have been looked at since this one schedules."""
        self._bell = trio.Event()
        self.scheduling = False
        """Whether this is the one that schedules now."""

    def wake(self) -> None:
        """Look for work now."""
        self._bell.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled: wait for the lock, then schedule. Jobs that run when it is cancelled stay open."""
        with RoleLock(self._store.path, Role.SCHEDULER) as lock:
            task_status.started()
            while not lock.acquire_nowait():
                await trio.sleep(self._poll_seconds)
            self.scheduling = True
            try:
                async with trio.open_nursery() as nursery:
                    while True:
                        seen = self._store.last_txnid()
                        await self._step(nursery)
                        await self._wait_change(seen)
            finally:
                self.scheduling = False

    async def _step(self, nursery: trio.Nursery) -> None:
        busy = set(self._running)  # a job that ends while we read may still be open in what we have read
        try:
            pipelines = await trio.to_thread.run_sync(self._plan)
            steps = await trio.to_thread.run_sync(self._next_steps)
        except Conflict:
            self.wake()  # a pipeline was changed while we planned
            return
        except (StoreError, msgspec.MsgspecError) as error:
            # The latter: a newer version has been here. The mount, and what else runs in this process, goes on.
            await trio.sleep(self._trouble.meet("cannot plan", error, RETRY_SECONDS))
            return
        self._trouble.end("cannot plan")
        for name, running in self._running.items():
            _interrupt(running, pipelines.get(name))
        self._stop_running()
        for step in steps:
            pipeline = pipelines.get(step.job.pipeline)
            if pipeline is not None and not pipeline.paused and step.job.pipeline not in busy:
                self._start(_of_version(step, pipeline), pipeline, nursery)

    def _stop_running(self) -> None:
        for request in self._requests:
            running = self._running.get(request.pipeline)
            if request.kind == "stop" and running and running.run and running.step.job.id == request.job:
                running.run.kill(request.reason)

    def _start(self, step: Run | Fail, pipeline: Pipeline, nursery: trio.Nursery) -> None:
        self._running[pipeline.name] = _Running(pipeline, step)
        nursery.start_soon(self._carry_out, step, self._running[pipeline.name])

    async def _carry_out(self, step: Run | Fail, running: _Running) -> None:
        doing = f"{step.job.pipeline}@{step.job.id} stays open"
        try:
            with running.scope:
                if isinstance(step, Fail):
                    await self._end_unrun(step, running.pipeline)
                else:
                    await self._run(step.job, running)
        except* StoreError as group:
            # The end of one job that cannot be written down must not end the others, nor the mount beside us.
            await trio.sleep(self._trouble.meet(doing, _first(group), RETRY_SECONDS))
        else:
            self._trouble.end(doing)
        finally:
            del self._running[running.pipeline.name]
            self.wake()

    async def _run(self, job: Job, running: _Running) -> None:
        spec = self._spec(running.pipeline)
        if spec is None:
            said = "the pipeline's specification cannot be read by this version"
            await self._record_loss(running.pipeline, job, said)
            return
        run = running.run = JobRun(
            self._store,
            self._executor,
            spec_for(spec, job),
            job,
            self._now_ns,
            stands=running.pipeline.stands,
            made_ns=running.pipeline.created_ns,
        )
        try:
            await run.run()
        except* PipelineGone:
            log.info("pipeline %s was deleted while its job %s ran", job.pipeline, job.id)
            if self._ledger.find_pipeline(job.pipeline) is None:
                await trio.to_thread.run_sync(remove_logs, self._store, job.pipeline)
        except* StoreError:
            raise  # its end could not be recorded
        except* Exception as group:
            log.exception("job %s@%s", job.pipeline, job.id)
            said = f"internal error, see the daemon's log: {_first(group)!r}"
            await self._record_loss(running.pipeline, run.job, said)

    async def _record_loss(self, pipeline: Pipeline, job: Job, reason: str) -> None:
        lost = replace(job, state="failed", reason=reason, finished_ns=self._now_ns())
        put = partial(self._ledger.put_job, lost, made_ns=pipeline.created_ns)
        await trio.to_thread.run_sync(put)

    async def _end_unrun(self, step: Fail, pipeline: Pipeline) -> None:
        def end() -> None:
            ended = end_unrun(self._store, pipeline, step.job, step.state, step.reason, self._now_ns())
            self._ledger.put_job(ended, made_ns=pipeline.created_ns)

        await trio.to_thread.run_sync(end)

    # ---- in threads

    def _plan(self) -> dict[str, Pipeline]:
        """Commit the ticks whose time has come, move the branches that follow others, and record the jobs that arrivals
        and requests cause; all pipelines as they are now."""
        self._numbers.complete(self._ledger.pipelines(), thoroughly=not self._numbered)
        self._numbered = True
        due = [self._tick()]
        pipelines = self._plan_arrivals()
        for _ in range(MOVES):
            moved = move_branches(self._store, now_ns=self._now_ns())
            due.append(moved.due_ns)
            if not moved.any:
                break
            pipelines = self._plan_arrivals()
        self._due_ns = min((each for each in due if each is not None), default=None)
        return pipelines

    def _tick(self) -> int | None:
        found = ((each, self._spec(each)) for each in self._ledger.pipelines() if not each.paused)
        known = [(each, spec) for each, spec in found if spec is not None]
        return tick(self._store, clocks(known), now_ns=self._now_ns(), newest=self._newest_ticks)

    def _plan_arrivals(self) -> dict[str, Pipeline]:
        pipelines = {each.name: each for each in self._ledger.pipelines()}
        running = {(each.step.job.pipeline, each.step.job.id) for each in tuple(self._running.values())}
        answer(self._store, pipelines, now_ns=self._now_ns(), running=running)
        self._requests = self._ledger.requests()
        specs = {
            name: spec
            for name, each in pipelines.items()
            if not each.paused and (spec := self._spec(each)) is not None
        }
        history = StoreHistory(self._store, branches_read(specs))
        arrivals = find_arrivals(specs, self._ledger.cursors(), history)
        if arrivals:
            since_ns = {name: each.plans_since_ns for name, each in pipelines.items()}
            versions = {name: each.version for name, each in pipelines.items()}
            plan = plan_jobs(
                specs, since_ns, arrivals, self._ledger, history, now_ns=self._now_ns(), new_id=CommitId.new
            )
            planned = [replace(job, version=versions[job.pipeline]) for job in plan.jobs]
            self._ledger.apply(planned, plan.cursors, expect=pipelines)
        return pipelines

    def _next_steps(self) -> list[Run | Fail]:
        return next_steps(self._ledger.first_open_jobs(), self._ledger.find_job)

    def _spec(self, pipeline: Pipeline) -> Spec | None:
        """The pipeline's specification, parsed once; None, said once in the log, when it cannot be."""
        key = (pipeline.name, pipeline.created_ns, pipeline.version)
        if key not in self._specs:
            try:
                self._specs[key] = spec_of(pipeline)
            except SpecError as error:
                log.error("pipeline %s is left out: %s", pipeline.name, error)
                self._specs[key] = None
        return self._specs[key]

    async def _wait_change(self, seen: int) -> None:
        while not self._bell.is_set() and self._store.last_txnid() == seen and not self._is_due():
            with trio.move_on_after(self._poll_seconds):
                await self._bell.wait()
        self._bell = trio.Event()

    def _is_due(self) -> bool:
        return self._due_ns is not None and self._now_ns() >= self._due_ns


def _interrupt(running: _Running, now: Pipeline | None) -> None:
    """End what runs and may not any more, the pipeline being what it is now. After a stop the job stays open."""
    job = running.step.job
    if now is None or now.created_ns != running.pipeline.created_ns:
        running.scope.cancel()
    elif running.run is not None and job.version < now.oldest:
        running.run.kill(overtaken_by(now))
    elif running.run is not None and now.paused:
        running.scope.cancel()


def _of_version(step: Run | Fail, pipeline: Pipeline) -> Run | Fail:
    """The step, or the end of a job that an update has overtaken."""
    if step.job.version >= pipeline.oldest:
        return step
    return Fail(step.job, overtaken_by(pipeline), "killed")


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    """What went wrong, out of the groups that nurseries wrap around it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
