"""What the records cost: as much as what is asked for, however many there are."""

from __future__ import annotations

import json
import time

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scheduling import put, run, settle, settled, spec, told

from pfsfuse.scheduler import (
    Job,
    Ledger,
    create_pipeline,
    delete_pipeline,
    keys,
    loop,
    numbering,
    request_retry,
    run_pipeline,
)
from pfsfuse.scheduler.job import Cause
from pfsfuse.scheduler.numbers import Numbers
from pfsfuse.testing.executor import FakeExecutor
from pfsfuse.worker.api import Task
from store import CommitId, Conflict, Full, Store

MANY = 50


def have_run(store: Store, pipeline: str) -> None:
    """Give a pipeline, which has had one job, as many more as a long time brings."""
    (one,) = told(store, pipeline)
    ledger = Ledger(store)
    ledger.apply([replace(one, id=str(CommitId.new()), number=n) for n in range(2, MANY)], {})


def spoil(store: Store, pipeline: str, *, but: int) -> None:
    """Make the records of all jobs but the newest ones unreadable: whoever reads one of them fails."""
    jobs = told(store, pipeline)[:-but]
    keys = {f"job\0{pipeline}\0{job.id}".encode() for job in jobs}
    store.shelf("scheduler").update(dict.fromkeys(keys, b"spoilt"))


def newest(store: Store, pipeline: str) -> Job:
    return next(Ledger(store).newest_first(pipeline))


def test_jobs_come_newest_first_and_each_is_read_when_it_is_asked_for(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    have_run(store, "sales")
    spoil(store, "sales", but=2)
    jobs = Ledger(store).newest_first("sales")
    assert [next(jobs).number, next(jobs).number] == [MANY - 1, MANY - 2]


def test_old_jobs_are_not_read_when_commits_arrive_or_when_jobs_are_ordered_and_tried_again(
    store: Store,
) -> None:
    put(store, "trips", {"a": b"1"})
    put(store, "weather", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales", "weather", glob="/"))
    settle(store, FakeExecutor(store))
    for name in ("sales", "report"):
        have_run(store, name)
        spoil(store, name, but=2)
    arrived = put(store, "trips", {"b": b"2"})
    settle(store, FakeExecutor(store, "fail"))
    assert (newest(store, "sales").id, newest(store, "sales").number) == (str(arrived.id), MANY)
    assert newest(store, "report").state == "unrunnable"
    request_retry(store, newest(store, "sales"))
    settle(store, FakeExecutor(store))
    assert (newest(store, "report").state, newest(store, "report").number) == ("success", MANY + 1)
    put(store, "weather", {"b": b"2"})
    settle(store, FakeExecutor(store))
    assert newest(store, "report").inputs[0].commit == newest(store, "sales").id
    assert run_pipeline(store, "sales").number == MANY + 2


def test_jobs_of_before_they_were_found_by_number_are_taken_into_account(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    have_run(store, "sales")
    shelf = store.shelf("scheduler")
    shelf.update({key: None for key, _ in shelf.iter(b"number")} | {b"numbered\0sales": None})
    assert newest(store, "sales").number == MANY - 1
    put(store, "trips", {"b": b"2"})
    settle(store, FakeExecutor(store))
    assert [job.number for job in Ledger(store).newest_first("sales")] == list(range(MANY, 0, -1))
    assert shelf.get(b"numbered\0sales") == b""


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 9)), max_size=12), st.sets(st.integers(1, 9)))
def test_whatever_was_lost_or_repeated_each_job_gets_a_number_and_keeps_its_place(
    made: list[tuple[int, int]], stale: set[int]
) -> None:
    cause = Cause(repo="trips", branch="master", commit="0" * 32, finished_ns=0)
    jobs = [
        Job(
            pipeline="sales",
            id=f"{at:032x}",
            output_branch="master",
            inputs=(),
            cause=cause,
            number=number,
            created_ns=created_ns,
            state="success",
        )
        for at, (number, created_ns) in enumerate(made)
    ]
    ids = [job.id for job in jobs]
    found = {keys.number_key(job) for job in jobs if job.number in stale}
    found |= {keys.number_key(replace(jobs[0], id="f" * 32)) for _ in jobs[:1]}  # of a job that is no more
    changes = numbering.put_right(jobs, found)
    left = {key for key in found if key not in changes} | {
        key for key, value in changes.items() if value is not None and key.startswith(b"number")
    }
    assert numbering.are_right(ids, left)
    order = [key.decode().rpartition("\0")[2] for key in sorted(left)]
    before = sorted(jobs, key=lambda job: (job.number, job.created_ns, job.id))
    assert order == [job.id for job in before]
    for job in jobs:  # a record is written anew only for another number
        value = changes.get(keys.job_key("sales", job.id))
        number = next(keys.number_in(key) for key in left if key.endswith(job.id.encode()))
        assert job.number == number if value is None else json.loads(value)["number"] == number != job.number


def test_a_number_that_was_given_away_twice_is_put_right_when_somebody_begins_to_schedule(
    store: Store,
) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    one = newest(store, "sales")
    unseen = replace(one, id=str(CommitId.new()), number=2, created_ns=one.created_ns + 1)
    late = replace(one, id=str(CommitId.new()), number=2, created_ns=one.created_ns + 2)
    Ledger(store).apply([unseen, late], {})
    store.shelf("scheduler").update({keys.number_key(unseen): None})  # an earlier version wrote it
    put(store, "trips", {"b": b"2"})
    settle(store, FakeExecutor(store))
    found = list(Ledger(store).newest_first("sales"))
    assert [job.number for job in found] == [4, 3, 2, 1]
    assert [job.id for job in found[1:]] == [late.id, unseen.id, one.id]


def test_a_job_that_an_earlier_version_orders_meanwhile_is_found_by_its_number(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    ledger, one = Ledger(store), newest(store, "sales")
    numbers = Numbers(store)
    numbers.complete(ledger.pipelines(), thoroughly=True)
    ordered = replace(one, id=str(CommitId.new()), number=2, state="created", finished_ns=None)
    ledger.apply([ordered], {})
    shelf = store.shelf("scheduler")
    shelf.update({keys.number_key(ordered): None, f"open\0sales\0{ordered.id}".encode(): b""})
    numbers.complete(ledger.pipelines())
    assert newest(store, "sales") == ordered


def test_of_jobs_that_wait_only_the_first_is_read(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    first = newest(store, "sales")
    later = replace(first, id=str(CommitId.new()), number=2)
    ledger = Ledger(store)
    ledger.put_job(later)
    store.shelf("scheduler").put(f"open\0sales\0{first.id}".encode(), b"")  # as it was written once
    store.shelf("scheduler").put(f"job\0sales\0{later.id}".encode(), b"spoilt")
    assert ledger.first_open_jobs() == [first]


def test_a_job_whose_record_was_lost_holds_up_no_other(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    first = newest(store, "sales")
    later = replace(first, id=str(CommitId.new()), number=2)
    Ledger(store).put_job(later)
    store.shelf("scheduler").update({f"job\0sales\0{first.id}".encode(): None})  # a salvaged store lacks some
    assert Ledger(store).first_open_jobs() == [later]


def test_a_deleted_pipeline_leaves_nothing(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    Ledger(store).remove_pipeline("sales")
    assert list(store.shelf("scheduler").iter()) == []


def test_a_commit_for_a_pipeline_that_was_made_anew_since_is_refused_in_its_own_transaction(
    store: Store,
) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, given := spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    ledger = Ledger(store)
    before, head = ledger.pipeline("sales"), store.repo("sales").head()
    edit = store.repo("sales").edit(origin="pipeline", allow_empty=True)
    ledger.hold(edit, before)
    delete_pipeline(store, "sales", keep_repo=True)
    create_pipeline(store, given)
    with pytest.raises(Conflict, match="pipeline sales was changed"):
        edit.commit()
    assert store.repo("sales").head() == head


def test_a_record_that_cannot_be_read_stops_planning_and_not_the_process(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop, "RETRY_SECONDS", 0.01)
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    key = f"job\0sales\0{newest(store, 'sales').id}".encode()
    shelf = store.shelf("scheduler")
    good = shelf.get(key)
    shelf.put(key, b'{"state": "of a later version"}')

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(loop.Scheduler(store, FakeExecutor(store), poll_seconds=0.01).run)
            while "cannot plan" not in caplog.text:
                await trio.sleep(0.01)
            shelf.update({key: good})
            await settled(store)
            nursery.cancel_scope.cancel()

    run(go)
    assert newest(store, "sales").state == "success"


def test_progress_that_cannot_be_recorded_ends_no_job(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pfsfuse.scheduler.run.PROGRESS_SECONDS", 0.01)
    put_job, full = Ledger.put_job, False

    def full_for_a_moment(self: Ledger, job: Job, *rest: object, **more: object) -> bool:
        if full and "unrecorded" not in caplog.text:
            raise Full(store.path)
        return put_job(self, job, *rest, **more)  # type: ignore[arg-type]

    def transform(task: Task) -> dict[str, bytes]:
        nonlocal full
        if full:
            while "unrecorded" not in caplog.text:
                time.sleep(0.001)
        full = True
        return {task.datum: b""}

    monkeypatch.setattr(Ledger, "put_job", full_for_a_moment)
    put(store, "trips", {"a": b"1", "b": b"2"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store, transform=transform, slots=1))
    job = newest(store, "sales")
    assert (job.state, job.done, len(Ledger(store).datum_runs(job))) == ("success", 2, 2)
