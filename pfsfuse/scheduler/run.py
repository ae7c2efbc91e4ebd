"""One job, from its datums to its commit.

    a crash after                      leaves                              the next scheduler
    1. the job recorded as running     the record                          runs it
    2. a datum pinned                  its tree                            skips that datum
    3. a datum's command ended         scratch                             computes that datum again
    4. **the output committed**        commit `<pipeline>@<job id>`        finds it, and records success
    5. the end recorded                everything                          nothing to do

A failed job ends the same way, with a failed commit in step 4 that no branch points to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import trio
from msgspec.structs import replace

from pfsfuse.errors import JobError, PfsError
from pfsfuse.pipeline import Datum, Spec, enumerate_datums, inputs
from pfsfuse.scheduler import output
from pfsfuse.scheduler.drain import drain
from pfsfuse.scheduler.job import Job
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.tasks import describe, task_of
from pfsfuse.worker.api import Executor, Outcome, datum_pin
from store import CommitId, Store, StoreError

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
"""Between two records of how far a job is: each is a synced write."""


class PipelineGone(Exception):
    """The pipeline was deleted while its job ran; there is nothing left to record."""


@dataclass(frozen=True, slots=True)
class Work:
    """The datums of a job."""

    datums: tuple[Datum, ...]
    """Each once, in the order of enumeration."""
    todo: tuple[Datum, ...]
    """Those whose result is not known."""


class JobRun:
    """Runs one job once."""

    def __init__(
        self, store: Store, executor: Executor, spec: Spec, job: Job, now_ns: Callable[[], int]
    ) -> None:
        self._store = store
        self._executor = executor
        self._spec = spec
        self._now_ns = now_ns
        self.job = job
        """As far as it has come."""
        self._first_failure = ""

    async def run(self) -> None:
        """Until the end is recorded, whatever it is. Raises PipelineGone when there is nowhere to record
        it."""
        gone = False
        try:
            if await trio.to_thread.run_sync(self._settled):
                return
            await self._record(state="running", started_ns=self._now_ns())
            with trio.move_on_after(self._spec.job_timeout or float("inf")) as limit:
                await self._compute()
            if limit.cancelled_caught:
                await self._fail(f"timed out after {self._spec.job_timeout:g} s")
        except* PipelineGone:
            gone = True
        except* (StoreError, PfsError) as group:
            await self._fail(_sentence(group))
        if gone:
            raise PipelineGone(self.job.pipeline)

    async def _compute(self) -> None:
        work = await trio.to_thread.run_sync(self._work)
        total = len(work.datums)
        await self._record(total=total, skipped=total - len(work.todo), done=0, failed=0)
        tasks = (task_of(self._store.path, self._spec, self.job, datum) for datum in work.todo)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_recording)
            await drain(tasks, self._executor, self._take, at_most=self._spec.parallelism)
            nursery.cancel_scope.cancel()
        if self.job.failed:
            await self._fail(f"{self.job.failed} of {total} datums failed: {self._first_failure}")
            return
        with trio.CancelScope(shield=True):  # a commit cannot be taken back, so its record must follow
            await trio.to_thread.run_sync(self._commit, work.datums)
            await self._end("success", self._nothing_to_do() if not total else "")

    def _work(self) -> Work:
        trees = {
            each.name: self._store.commit(each.repo, CommitId.parse(each.commit)) for each in self.job.inputs
        }
        datums = {datum.id: datum for datum in enumerate_datums(self._spec, trees)}
        todo = [datum for datum in datums.values() if self._store.pins.get(datum_pin(datum.id)) is None]
        return Work(tuple(datums.values()), tuple(todo))

    def _take(self, outcome: Outcome) -> None:
        if outcome.state == "success":
            self.job = replace(self.job, done=self.job.done + 1)
        else:
            self.job = replace(self.job, failed=self.job.failed + 1)
            self._first_failure = self._first_failure or outcome.reason

    async def _keep_recording(self) -> None:
        """How far it is, for those who watch: now and then, and only when it has come further."""
        recorded = self.job
        while True:
            await trio.sleep(PROGRESS_SECONDS)
            if self.job is not recorded:
                recorded = self.job
                await self._record()

    def _commit(self, datums: tuple[Datum, ...]) -> None:
        tree = output.merge(self._store, (self._layer(datum) for datum in datums))
        output.commit_output(self._store, self.job, tree)

    def _layer(self, datum: Datum) -> output.Layer:
        pin = self._store.pins.get(datum_pin(datum.id))
        if pin is None:
            raise JobError(f"the result of {describe(datum)} was removed while the job ran")
        return describe(datum), pin.tree

    def _settled(self) -> bool:
        """Record the end of a job whose commit was made just before its scheduler died."""
        made = output.find_output(self._store, self.job)
        if made is None:
            return False
        state: Any = "success" if made.state == "finished" else "failed"
        self.job = replace(self.job, state=state, reason=made.reason, finished_ns=made.finished_ns)
        if not Ledger(self._store).put_job(self.job):
            raise PipelineGone(self.job.pipeline)
        return True

    def _nothing_to_do(self) -> str:
        globs = {leaf.name: leaf.glob for leaf in inputs(self._spec)}
        tried = ", ".join(f"{globs[each.name]!r} in {each.repo}@{each.commit}" for each in self.job.inputs)
        return f"0 datums: nothing matches {tried}"

    async def _fail(self, reason: str) -> None:
        with trio.CancelScope(shield=True):
            if await trio.to_thread.run_sync(self._settled):
                return  # it was the record of its success that failed
            log.info("job %s@%s failed: %s", self.job.pipeline, self.job.id, reason)
            try:
                await trio.to_thread.run_sync(output.fail_output, self._store, self.job, reason)
            except StoreError as error:
                log.warning("no failed commit for %s@%s: %s", self.job.pipeline, self.job.id, error)
            await self._end("failed", reason)

    async def _end(self, state: str, reason: str) -> None:
        await self._record(state=state, reason=reason, finished_ns=self._now_ns())

    async def _record(self, **changes: Any) -> None:
        self.job = replace(self.job, **changes)
        if not await trio.to_thread.run_sync(Ledger(self._store).put_job, self.job):
            raise PipelineGone(self.job.pipeline)


def _sentence(group: BaseExceptionGroup[StoreError | PfsError]) -> str:
    error = group.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        return _sentence(error)
    return f"{error} ({error.hint()})" if error.hint() else str(error)
