"""One job, from its datums to its commit.

    a crash after                      leaves                              the next scheduler
    1. the job recorded as running     the record                          runs it
    2. a datum pinned                  its tree, with the job in its note  counts that datum as done
    3. a datum's command ended         scratch                             computes that datum again
    4. **the output committed**        commit `<pipeline>@<job id>`        finds it, and records success
    5. the output sent on (egress)     all or some of it, elsewhere        sends it again
    6. the end recorded                everything                          nothing to do

Once a second the datums that have ended are recorded with the job, so that one that failed or recovered is not run
again either. A job that is lost ends the same way, with a failed commit in step 4 that no branch points to.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import trio
from msgspec.structs import replace

from pfsfuse.errors import JobError, PfsError
from pfsfuse.pipeline import Datum, Egress, Spec, inputs
from pfsfuse.scheduler import output
from pfsfuse.scheduler.datums import datums_of, find_work, run_of
from pfsfuse.scheduler.drain import drain
from pfsfuse.scheduler.egressing import push_out
from pfsfuse.scheduler.growth import Growth, merge_growth, note_basis
from pfsfuse.scheduler.job import DatumRun, Job, Pipeline, overtaken_by
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.ownership import PipelineGone, write_as
from pfsfuse.scheduler.sets import in_sets
from pfsfuse.scheduler.tasks import describe, task_of
from pfsfuse.worker.api import Executor, Outcome, datum_pin
from store import Entry, Store, StoreError

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
"""Between two records of how far a job is: each is a synced write."""


class Overtaken(Exception):
    """The pipeline was updated while its job ran: what the job has made is not wanted any more."""


class ResultGone(JobError):
    """A datum that was computed once has no result any more: its pin was deleted, or its store was salvaged."""


class JobRun:
    """Runs one job once."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        spec: Spec,
        job: Job,
        now_ns: Callable[[], int],
        *,
        stands: Sequence[str] = (),
        made_ns: int | None = None,
    ) -> None:
        """`made_ns` is when the pipeline was made: nothing is done for another of its name."""
        self._store = store
        self._executor = executor
        self._spec = spec
        self._now_ns = now_ns
        self._stands = stands
        self._made_ns = made_ns
        self.job = job
        """As far as it has come."""
        self._limit = trio.CancelScope()
        self._killed = ""
        self._first_failure = ""
        self._unrecorded: list[DatumRun] = []
        self._recovered: set[str] = set()

    def kill(self, reason: str) -> None:
        """End it: what runs for it is gone, and that recorded, before `run` returns. Without effect when it is about
        to end by itself."""
        self._killed = reason
        self._limit.cancel()

    async def run(self) -> None:
        """Until the end is recorded, whatever it is. Raises PipelineGone when there is nowhere to record
        it."""
        gone, lost = False, ("", "")
        try:
            if await trio.to_thread.run_sync(self._settled):
                return
            with self._limit:
                self._limit.deadline = trio.current_time() + (self._spec.job_timeout or float("inf"))
                await self._begin()
                if await trio.to_thread.run_sync(output.find_output, self._store, self.job) is None:
                    await self._compute()
                if self._spec.egress is not None:
                    await self._push(self._spec.egress)
            if self._limit.cancelled_caught:
                lost = "killed", self._killed or f"timed out after {self._spec.job_timeout:g} s"
        except* PipelineGone:
            gone = True
        except* Overtaken as overtaken:
            lost = "killed", str(overtaken.exceptions[0])
        except* (StoreError, PfsError) as group:
            lost = "failed", _sentence(group)
        if gone:
            raise PipelineGone(self.job.pipeline)
        if lost[0]:  # out here: what cannot be recorded now is not the reason
            await self._lose(*lost)

    async def _begin(self) -> None:
        again = self.job.started_ns is not None
        await self._record(
            state="running",
            started_ns=self.job.started_ns if again else max(self._now_ns(), self.job.created_ns),
            restarts=self.job.restarts + again,
        )

    async def _compute(self) -> None:
        try:
            tree = await self._make(grows=True)
        except ResultGone as error:
            log.warning("%s@%s: %s; computing it again", self.job.pipeline, self.job.id, error)
            tree = await self._make(grows=False)
        if tree is None:
            raise JobError(f"{self.job.failed} of {self.job.total} datums failed: {self._first_failure}")
        await trio.lowlevel.checkpoint_if_cancelled()  # somebody may have stopped it while it was merged
        with trio.CancelScope(shield=True):  # a commit cannot be taken back, so its record must follow
            await trio.to_thread.run_sync(self._commit, tree)
            said = self._nothing_to_do() if not self.job.total else ""
            if self._spec.egress is None:
                await self._end("success", said)
            else:
                await self._record(state="egressing", reason=said)

    async def _make(self, *, grows: bool) -> Entry | None:
        """Find what is left to do, do it, and merge; None when datums have failed. Without `grows` every datum is
        looked at, as if there were no job before. Raises ResultGone."""
        zero = replace(self.job, done=0, failed=0, recovered=0, seconds=0.0, read_bytes=0, written_bytes=0)
        find = partial(find_work, self._store, self._spec, self.job, stands=self._stands, grows=grows)
        self.job = zero  # counted up in the thread: nobody records it meanwhile
        work = await trio.to_thread.run_sync(partial(find, count=self._count))
        skipped = work.total - len(work.todo) - work.ended
        self.job = replace(self.job, total=work.total, skipped=skipped)
        self._unrecorded += work.unrecorded
        await self._record()
        slots = min(self._executor.slots, self._spec.parallelism or self._executor.slots)
        sets = (
            [task_of(self._store.path, self._spec, self.job, datum) for datum in one]
            for one in in_sets(work.todo, self._spec.datum_set, slots, self._size)
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_recording)
            await drain(sets, self._executor, self._take, at_most=slots)
            nursery.cancel_scope.cancel()
        if self.job.failed:
            return None
        if self._unrecorded:
            await self._record()  # the commit alone would not tell whoever finds it how the datums went
        return await trio.to_thread.run_sync(self._merge, work.growth)

    async def _push(self, egress: Egress) -> None:
        """Step 5."""
        if self.job.state != "egressing":
            await self._record(state="egressing")
        await push_out(self._store, self.job, egress)
        with trio.CancelScope(shield=True):
            await self._end("success", self.job.reason)

    def _size(self, datum: Datum) -> int:
        """The bytes of what a datum is shown."""
        commits = [self._store.commit(each.repo, each.commit) for each in datum.inputs]
        paths = [os.fsencode(each.path.strip("/")) for each in datum.inputs]
        entries = [commit.find(path) for commit, path in zip(commits, paths, strict=True)]
        return sum(entry.size for entry in entries if entry is not None)

    def _take(self, outcome: Outcome) -> None:
        run = run_of(outcome, self._now_ns())
        self._unrecorded.append(run)
        self._count(run)

    def _count(self, run: DatumRun) -> None:
        job = self.job
        match run.state:
            case "success":
                job = replace(job, done=job.done + 1)
            case "failed":
                job = replace(job, failed=job.failed + 1)
                self._first_failure = self._first_failure or run.reason
            case "recovered":
                job = replace(job, recovered=job.recovered + 1)
                self._recovered.add(run.datum)
        self.job = replace(
            job,
            seconds=round(job.seconds + run.seconds, 6),
            read_bytes=job.read_bytes + run.read_bytes,
            written_bytes=job.written_bytes + run.written_bytes,
        )

    async def _keep_recording(self) -> None:
        """How far it is, for those who watch and for those who take it up: now and then, and only when it has come
        further."""
        recorded, told = self.job, ""
        while True:
            await trio.sleep(PROGRESS_SECONDS)
            if self.job is not recorded:
                now = self.job
                try:
                    await self._record()
                except StoreError as error:  # a full disk may have room again before there is more to say
                    if str(error) != told:
                        log.warning("%s@%s goes on unrecorded: %s", now.pipeline, now.id, error)
                    told = str(error)
                else:
                    recorded, told = now, ""

    def _merge(self, growth: Growth | None) -> Entry:
        """The output. Raises ResultGone, also when that of a datum of the job before is, all of whose are needed."""
        tree = None if self._recovered or growth is None else merge_growth(self._store, growth)
        if tree is None:
            datums = datums_of(self._store, self._spec, self.job)
            layers = (self._layer(datum) for datum in datums if datum.id not in self._recovered)
            tree = output.merge(self._store, layers)
        return tree

    def _commit(self, tree: Entry) -> None:
        self._in_pipeline(partial(output.commit_output, self._store, self.job, tree), wanted=True)
        if not self._recovered:
            note_basis(self._store, self._spec, self.job)

    def _in_pipeline(self, write: Callable[[output.Hold], object], *, wanted: bool = False) -> None:
        """Write to the output repo as long as it is this pipeline's. Raises PipelineGone; with `wanted` Overtaken, too,
        when an update has ended the job."""

        def check(pipeline: Pipeline) -> None:
            if wanted and self.job.version < pipeline.oldest:
                raise Overtaken(overtaken_by(pipeline))

        write_as(self._store, self.job.pipeline, self._made_ns, write, check)

    def _layer(self, datum: Datum) -> output.Layer:
        pin = self._store.pins.get(datum_pin(datum.id))
        if pin is None:
            raise ResultGone(f"the result of {describe(datum)} was removed")
        return describe(datum), pin.tree

    def _settled(self) -> bool:
        """Record the end of a job whose commit was made just before its scheduler died."""
        made = output.find_output(self._store, self.job)
        if made is None or (made.state == "finished" and self._spec.egress is not None):
            return False
        state: Any = "success" if made.state == "finished" else "failed"
        self.job = replace(self.job, state=state, reason=made.reason, finished_ns=made.finished_ns)
        if not Ledger(self._store).put_job(self.job, self._unrecorded, made_ns=self._made_ns):
            raise PipelineGone(self.job.pipeline)
        if state == "failed":
            self._tell()
        return True

    def _nothing_to_do(self) -> str:
        tried = ", ".join(
            f"{leaf.glob!r} in {each.repo}@{each.commit}"
            for leaf, each in zip(inputs(self._spec), self.job.inputs, strict=True)
        )
        return f"0 datums: nothing matches {tried}"

    async def _lose(self, state: str, reason: str) -> None:
        with trio.CancelScope(shield=True):
            if await trio.to_thread.run_sync(self._settled):
                return  # it was the record of its success that failed
            lacking: StoreError | None = None
            try:
                if self.job.state != "egressing":
                    fail = partial(output.fail_output, self._store, self.job, reason)
                    await trio.to_thread.run_sync(self._in_pipeline, fail)
            except StoreError as error:
                lacking = error
            await self._end(state, reason)
            # Not before: while a full disk keeps the end from being recorded, the job is run and lost again and again.
            self._tell()
            if lacking is not None:
                log.warning("no failed commit for %s@%s: %s", self.job.pipeline, self.job.id, lacking)

    def _tell(self) -> None:
        log.info("job %s@%s %s: %s", self.job.pipeline, self.job.id, self.job.state, self.job.reason)

    async def _end(self, state: str, reason: str) -> None:
        # Whatever the clock of this machine does, a job does not end before it began.
        finished_ns = max(self._now_ns(), self.job.started_ns or 0)
        await self._record(state=state, reason=reason, finished_ns=finished_ns)

    async def _record(self, **changes: Any) -> None:
        self.job = replace(self.job, **changes)
        runs = tuple(self._unrecorded)
        put = partial(Ledger(self._store).put_job, self.job, runs, made_ns=self._made_ns)
        if not await trio.to_thread.run_sync(put):
            raise PipelineGone(self.job.pipeline)
        del self._unrecorded[: len(runs)]


def _sentence(group: BaseExceptionGroup[StoreError | PfsError]) -> str:
    error = group.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        return _sentence(error)
    return f"{error} ({error.hint()})" if error.hint() else str(error)
