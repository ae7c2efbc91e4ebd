"""The scheduler against a plain model: lists of jobs, and a set of results.

`report` reads `sales`, which reads `trips`. Commits come, schedulers are interrupted in mid-job, files turn bad or sick
(their datums fail, or recover), jobs are stopped and tried again. Whatever happened, once all has settled every job is
what the model says, and no datum was computed twice with success.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from scheduling import files, run, settled, spec, told

import store as storage
from pfsfuse.scheduler import Job, Ledger, create_pipeline, iter_datums, request_retry, spec_of_job, stop_job
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.testing.executor import FakeExecutor, one_file
from pfsfuse.worker.api import Outcome, Task
from store import Store

NAMES = "abcd"
names = st.sampled_from(NAMES)


@dataclass
class Expected:
    """A job as the model has it."""

    id: str
    reads: dict[str, bytes] | None
    """The files of its input; None when that does not exist, because upstream was lost."""
    killed: bool = False
    kept: frozenset[str] = frozenset()
    """What a job that was killed had computed by then: the files it read for it."""
    settled: bool = False
    state: str = ""
    wrote: dict[str, bytes] = field(default_factory=dict)
    counts: tuple[int, ...] = ()
    """Computed, skipped, failed, recovered."""


class Executor(FakeExecutor):
    """Fails what is bad, has recover what is sick, keeps the rest; and gives up after some datums, when told to."""

    def __init__(self, opened: Store) -> None:
        super().__init__(opened, slots=2, transform=one_file)
        self.bad: set[str] = set()
        self.sick: set[str] = set()
        self.left: float = float("inf")
        """Datums that may still end."""
        self.successes: Counter[str] = Counter()

    async def run(self, task: Task) -> Outcome:
        name = task.launch.inputs[0].paths[0].strip("/")
        sales = task.pipeline == "sales"
        if self.left <= 0:
            await trio.sleep_forever()
        self.left -= 1
        self._script = (
            ["fail"] if sales and name in self.bad else ["recover"] if sales and name in self.sick else []
        )
        outcome = await super().run(task)
        self.successes[task.datum] += outcome.state == "success"
        return outcome


class SchedulerMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="scheduler-"))
        self.store = storage.create(self.directory / "store")
        for name in ("run", "logs", "scratch"):
            (self.store.path / name).mkdir(exist_ok=True)
        self.store.create_repo("trips")
        self.specs = {"sales": spec("sales", "trips"), "report": spec("report", "sales", cmd="report")}
        for each in self.specs.values():
            create_pipeline(self.store, each)
        self.executor = Executor(self.store)
        self.trips: dict[str, bytes] = {}
        self.jobs: dict[str, list[Expected]] = {"sales": [], "report": []}
        self.known: set[tuple[str, str, bytes]] = set()
        """Results that are there: the pipeline, the file it reads, and what that holds."""
        self.made = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.directory)

    # ---- what happens

    @rule(changed=st.sets(names, min_size=1), removed=st.sets(names))
    def commit(self, changed: set[str], removed: set[str]) -> None:
        self.made += 1
        with self.store.repo("trips").edit() as edit:
            for name in sorted(changed):
                self.trips[name] = b"%d" % self.made
                edit.write(name, self.trips[name])
            for name in sorted((removed - changed) & self.trips.keys()):
                edit.remove(name)
                del self.trips[name]
        assert edit.result is not None
        self._expect(str(edit.result.id), dict(self.trips))

    @precondition(lambda self: not self.unsettled())
    @rule(bad=st.sets(names, max_size=1), sick=st.sets(names, max_size=1))
    def turn(self, bad: set[str], sick: set[str]) -> None:
        self.executor.bad, self.executor.sick = bad, sick - bad

    @rule(datums=st.integers(0, 4))
    def interrupt(self, datums: int) -> None:
        """A scheduler that is gone after so many datums."""
        self.executor.left = datums
        self._schedule(until_settled=False)
        self.executor.left = float("inf")
        self.executor.running = 0

    @precondition(lambda self: Ledger(self.store).open_jobs())
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        job = data.draw(
            st.sampled_from(
                sorted(Ledger(self.store).open_jobs(), key=lambda job: (job.pipeline, job.number))
            )
        )
        ended = stop_job(self.store, job)
        assert ended.state == "killed"
        (expected,) = [each for each in self.jobs[job.pipeline] if each.id == job.id]
        expected.killed = True
        expected.kept = frozenset(
            each.datum.inputs[0].path
            for each in (iter_datums(self.store, spec_of_job(self.store, job), job) if expected.reads else ())
            if each.state == "success"
        )

    @precondition(lambda self: not self.unsettled() and self.lost())
    @rule()
    def retry(self) -> None:
        newest = told(self.store, "sales")[-1]
        id = request_retry(self.store, newest)
        self._expect(id, self.jobs["sales"][-1].reads)

    @rule()
    def settle(self) -> None:
        self._schedule(until_settled=True)
        self._follow()
        self._compare()

    @invariant()
    def nothing_is_computed_twice(self) -> None:
        if hasattr(self, "executor"):
            assert all(times <= 1 for times in self.executor.successes.values())

    # ---- the model

    def unsettled(self) -> bool:
        return any(not job.settled for jobs in self.jobs.values() for job in jobs)

    def lost(self) -> bool:
        return bool(self.jobs["sales"]) and self.jobs["sales"][-1].state in ("failed", "killed")

    def _expect(self, id: str, reads: dict[str, bytes] | None) -> None:
        self.jobs["sales"].append(Expected(id, reads))
        self.jobs["report"].append(Expected(id, None))

    def _follow(self) -> None:
        """Run the model's jobs, upstream before downstream."""
        for upstream, downstream in zip(self.jobs["sales"], self.jobs["report"], strict=True):
            self._end("sales", upstream, self.executor.bad, self.executor.sick)
            if not downstream.settled:
                downstream.reads = upstream.wrote if upstream.state == "success" else None
            self._end("report", downstream, set(), set())

    def _end(self, pipeline: str, job: Expected, bad: set[str], sick: set[str]) -> None:
        if job.settled:
            return
        job.settled = True
        if job.killed:
            job.state = "killed"
            self.known |= {(pipeline, name, job.reads[name]) for name in job.kept if job.reads}
            return
        if job.reads is None:
            job.state = "unrunnable"
            return
        before = {name for name, data in job.reads.items() if (pipeline, name, data) in self.known}
        failed, recovered = bad & job.reads.keys() - before, sick & job.reads.keys() - before
        fine = job.reads.keys() - failed - recovered
        self.known |= {(pipeline, name, job.reads[name]) for name in fine}
        job.counts = len(fine - before), len(before), len(failed), len(recovered)
        job.state = "failed" if failed else "success"
        job.wrote = {name: f"/{name}".encode() for name in fine} if not failed else {}

    # ---- the scheduler

    def _schedule(self, *, until_settled: bool) -> None:
        async def go() -> None:
            async with trio.open_nursery() as nursery:
                await nursery.start(Scheduler(self.store, self.executor, poll_seconds=0.005).run)
                with trio.move_on_after(60 if until_settled else 0.05):
                    await settled(self.store)
                nursery.cancel_scope.cancel()

        run(go)

    def _compare(self) -> None:
        for name, expected in self.jobs.items():
            jobs = told(self.store, name)
            assert [job.id for job in jobs] == [each.id for each in expected]
            for job, each in zip(jobs, expected, strict=True):
                assert job.state == each.state, (job, each)
                if each.counts:
                    self._compare_datums(job, each)
                if job.state == "success":
                    assert files(self.store.commit(name, storage.CommitId.parse(job.id))) == each.wrote
            good = [each for each in expected if each.state == "success"]
            head = self.store.repo(name).find_branch("master")
            assert (head.head if head else None) == (storage.CommitId.parse(good[-1].id) if good else None)

    def _compare_datums(self, job: Job, expected: Expected) -> None:
        counted = Counter(each.state for each in iter_datums(self.store, spec_of_job(self.store, job), job))
        states = ("success", "skipped", "failed", "recovered")
        assert (job.done, job.skipped, job.failed, job.recovered) == expected.counts, (job, expected)
        assert tuple(counted[state] for state in states) == expected.counts, (counted, expected)
        assert job.total == sum(expected.counts)


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
