"""Datums that recover, jobs that are stopped and tried again, and what is known of each datum."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import trio
from msgspec.structs import replace
from scheduling import files, put, run, settle, settled, spec, told

from pfsfuse.errors import JobError
from pfsfuse.scheduler import (
    DatumRun,
    Job,
    Ledger,
    create_pipeline,
    request_retry,
    stop_job,
    stop_pipeline,
)
from pfsfuse.scheduler.datums import find_datum, iter_datums
from pfsfuse.scheduler.job import Request
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.scheduler.requests import answer
from pfsfuse.testing.executor import FakeExecutor
from store import Full, Store


def states(store: Store, job: Job) -> list[str]:
    return [each.state for each in iter_datums(store, spec(job.pipeline, "trips"), job)]


def until(
    store: Store, executor: FakeExecutor, ready: Callable[[], bool], then: Callable[[], object]
) -> None:
    """Schedule; when `ready`, do `then` in a thread, and go on until all is settled."""

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(Scheduler(store, executor, poll_seconds=0.01).run)
            while not ready():
                await trio.sleep(0.01)
            await trio.to_thread.run_sync(then)
            await settled(store)
            nursery.cancel_scope.cancel()

    run(go)


def test_a_recovered_datum_has_no_output_and_runs_again_in_the_next_job(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})
    executor = FakeExecutor(store, "recover ok", slots=1)
    settle(store, executor)
    (job,) = told(store, "sales")
    assert (job.state, job.done, job.recovered, job.failed) == ("success", 1, 1, 0)
    assert files(store.repo("sales").head()) == {"2": b"/2"}
    assert states(store, job) == ["recovered", "success"]
    put(store, "trips", {"3": b"c"})
    settle(store, executor)
    job = told(store, "sales")[-1]
    assert (job.done, job.skipped) == (2, 1)
    assert sorted(files(store.repo("sales").head())) == ["1", "2", "3"]


def test_a_job_that_is_stopped_is_killed_and_keeps_what_was_computed(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    put(store, "trips", {"1": b"a", "2": b"b", "3": b"c"})
    executor = FakeExecutor(store, "ok hang", slots=1)
    until(
        store,
        executor,
        lambda: len(executor.started) == 2,
        lambda: stop_job(store, told(store, "sales")[0], reason="stopped by me"),
    )
    (job,) = told(store, "sales")
    assert (job.state, job.reason, job.done) == ("killed", "stopped by me", 1)
    assert states(store, job) == ["success", "waiting", "waiting"]
    assert store.commit_set(store.repo("trips").head().id)[0].state == "failed"
    assert executor.running == 0
    (report,) = told(store, "report")
    assert (report.state, report.reason) == ("unrunnable", "upstream sales was killed")


def test_a_job_is_stopped_when_nobody_schedules(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("other", "trips"))
    (job,) = told(store, "other")
    assert stop_job(store, job).state == "killed"
    executor = FakeExecutor(store)
    settle(store, executor)
    assert [task.pipeline for task in executor.started] == ["sales"]
    assert store.find_repo("other") is not None and store.repo("other").find_branch("master").head is None


def test_a_stop_that_cannot_be_written_is_an_error_and_is_carried_out_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("other", "trips"))
    (job,) = told(store, "other")
    Ledger(store).put_job(begun := replace(job, state="running", started_ns=1))

    def full(*given: object) -> None:
        raise Full(store.path)

    with monkeypatch.context() as disk:
        disk.setattr("pfsfuse.scheduler.output.fail_output", full)
        with pytest.raises(Full):
            stop_job(store, begun)
    assert stop_job(store, begun).state == "killed"


def test_a_job_that_has_ended_is_not_stopped(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store))
    with pytest.raises(JobError, match=r"has ended already \(success\)"):
        stop_job(store, told(store, "sales")[0])


def test_a_stop_that_comes_after_the_commit_finds_the_job_a_success(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    unrecorded = replace(job, state="running", finished_ns=None)
    Ledger(store).put_job(unrecorded)
    assert stop_job(store, unrecorded).state == "success"


def test_a_job_that_is_tried_again_brings_its_downstream_along_and_computes_only_what_is_missing(
    store: Store,
) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales", "weather", glob="/"))
    put(store, "weather", {"1": b"r"})
    commit = put(store, "trips", {"1": b"a", "2": b"b"})
    executor = FakeExecutor(store, "ok fail", slots=1)
    settle(store, executor)
    assert [job.state for job in (*told(store, "sales"), *told(store, "report"))] == ["failed", "unrunnable"]
    id = request_retry(store, told(store, "sales")[0])
    settle(store, executor)
    first, again = told(store, "sales")
    assert (first.state, again.state, again.id, again.number) == ("failed", "success", id, 2)
    assert (again.cause, again.inputs, again.done, again.skipped) == (first.cause, first.inputs, 1, 1)
    report = told(store, "report")[-1]
    assert (report.state, report.id) == ("success", id)
    assert [each.commit for each in report.inputs] == [id, str(store.repo("weather").head().id)]
    assert len(told(store, "report")) == 2
    assert {each.repo for each in store.commit_set(commit.id)} == {"trips", "sales"}


def test_only_a_job_that_was_lost_and_not_followed_is_tried_again(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store, "fail"))
    (lost,) = told(store, "sales")
    with pytest.raises(JobError, match=rf"reads the output of sales@{lost.id}, which failed") as raised:
        request_retry(store, told(store, "report")[0])
    assert "pfs job retry sales" in raised.value.hint()
    put(store, "trips", {"2": b"a"})
    settle(store, FakeExecutor(store))
    with pytest.raises(JobError, match="was followed by"):
        request_retry(store, lost)
    with pytest.raises(JobError, match="succeeded"):
        request_retry(store, told(store, "sales")[-1])


def test_a_retry_that_a_new_commit_has_overtaken_says_so_in_the_job_that_was_promised(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store, "fail"))
    (lost,) = told(store, "sales")
    put(store, "trips", {"2": b"a"})
    settle(store, FakeExecutor(store))
    ledger = Ledger(store)
    late = Request(pipeline="sales", job=lost.id, kind="retry", id="ab" * 16)
    ledger.put_request(late)  # as one does that has looked just before the commit came
    settle(store, FakeExecutor(store))
    newest, kept = next(ledger.newest_first("sales")), ledger.job("sales", late.id)
    assert (newest.state, kept.state, kept.finished_ns is None) == ("success", "unrunnable", False)
    assert f"job {lost.id} was to be tried again, but was followed by {newest.id}" in kept.reason
    assert ledger.jobs("sales")[0] == newest and ledger.requests() == []
    with pytest.raises(JobError, match="was followed by"):
        request_retry(store, kept)


def test_whoever_asks_for_a_retry_that_is_asked_for_already_is_told_the_same_job(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store, "fail"))
    (lost,) = told(store, "sales")
    first, second = request_retry(store, lost), request_retry(store, lost)
    settle(store, FakeExecutor(store))
    assert first == second == told(store, "sales")[-1].id


def test_a_datum_that_failed_is_not_run_again_by_the_scheduler_that_takes_its_job_up(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b", "3": b"c"})
    first = FakeExecutor(store, "fail recover hang", slots=1)

    async def interrupted() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Scheduler(store, first, poll_seconds=0.01).run)
            while not Ledger(store).open_jobs() or told(store, "sales")[0].recovered < 1:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    run(interrupted)
    second = FakeExecutor(store)
    settle(store, second)
    (job,) = told(store, "sales")
    assert (job.state, job.failed, job.recovered, job.done) == ("failed", 1, 1, 1)
    assert len(second.started) == 1


def test_a_job_that_is_found_committed_knows_how_its_datums_went(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_job = Ledger.put_job

    def lose_the_end(ledger: Ledger, job: Job, runs: Iterable[DatumRun] = (), **more: int) -> bool:
        if job.state == "success":
            monkeypatch.undo()
            raise KeyboardInterrupt  # the scheduler is gone
        return put_job(ledger, job, runs, **more)

    monkeypatch.setattr(Ledger, "put_job", lose_the_end)
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})
    with pytest.raises(BaseExceptionGroup):
        settle(store, FakeExecutor(store, "ok recover", slots=1))
    assert told(store, "sales")[0].state == "running"
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    assert (job.state, job.total, job.done, job.recovered) == ("success", 2, 1, 1)


def test_a_request_that_cannot_be_carried_out_stays_and_holds_up_no_other(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("unread", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store, "fail fail"))
    ledger = Ledger(store)
    unread = replace(ledger.pipeline("unread"), spec={"of": "a later version"})
    for name in ("sales", "unread"):
        request_retry(store, told(store, name)[0])
    answer(store, {"unread": unread, "sales": ledger.pipeline("sales")}, now_ns=1)
    assert [(each.kind, each.pipeline) for each in ledger.requests()] == [("retry", "unread")]
    assert [len(told(store, name)) for name in ("sales", "unread")] == [2, 1]


def test_a_datum_is_found_by_the_start_of_its_id(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})
    settle(store, FakeExecutor(store, "ok fail", slots=1))
    (job,) = told(store, "sales")
    given = spec("sales", "trips")
    good, bad = iter_datums(store, given, job)
    assert find_datum(store, given, job, bad.datum.id[:12]) == bad
    assert (bad.state, bad.run and bad.run.reason) == ("failed", "exit code 1")
    assert good.run is not None and good.run.written_bytes == 2
    with pytest.raises(JobError, match="has no datum 'xyz'"):
        find_datum(store, given, job, "xyz")
    with pytest.raises(JobError, match="has 2 datums ''"):
        find_datum(store, given, job, "")


def test_what_another_job_computed_is_skipped(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    put(store, "trips", {"2": b"b"})
    settle(store, FakeExecutor(store))
    assert [states(store, job) for job in told(store, "sales")] == [["success"], ["skipped", "success"]]


def test_a_clock_that_jumps_back_leaves_no_job_that_ended_before_it_began(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    clock = iter(range(2 * 10**18, 0, -(10**14)))

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            scheduler = Scheduler(store, FakeExecutor(store), now_ns=lambda: next(clock), poll_seconds=0.01)
            await nursery.start(scheduler.run)
            await settled(store)
            nursery.cancel_scope.cancel()

    run(go)
    (job,) = told(store, "sales")
    assert job.state == "success"
    assert job.started_ns is not None and job.finished_ns is not None
    assert job.created_ns <= job.started_ns <= job.finished_ns


def test_a_wish_is_not_carried_out_on_pipelines_that_have_changed_meanwhile(store: Store) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store, "fail"))
    (lost,) = told(store, "sales")
    request_retry(store, lost)
    ledger = Ledger(store)
    stale = {each.name: each for each in ledger.pipelines()}
    stop_pipeline(store, "sales")
    answer(store, stale, now_ns=0)
    assert told(store, "sales") == [lost] and len(ledger.requests()) == 1
    answer(store, {each.name: each for each in ledger.pipelines()}, now_ns=0)
    assert len(told(store, "sales")) == 2 and ledger.requests() == []
