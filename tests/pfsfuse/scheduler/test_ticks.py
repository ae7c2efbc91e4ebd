"""The clock as an input."""

from __future__ import annotations

import pytest
import trio
from scheduling import files, run, settled, spec, told

from pfsfuse.errors import JobError
from pfsfuse.pipeline import find_time, spec_json, time_name
from pfsfuse.scheduler import create_pipeline, delete_pipeline, ticks, update_pipeline
from pfsfuse.scheduler.deploy import spec_of
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.scheduler.ticks import AGAIN_NS, CAUGHT_UP, Newest, clocks, run_cron, tick
from pfsfuse.testing.executor import FakeExecutor
from store import Exists, Full, Repo, Store


def ns(text: str) -> int:
    found = find_time(text)
    assert found is not None
    return found


MIDNIGHT = ns("2030-01-01T00:00:00Z")
HOUR = 3600 * 1_000_000_000


def hourly(**more: object):
    return spec("sales", input={"cron": {"name": "clock", "spec": "@hourly", **more}})


def tick_at(store: Store, now_ns: int) -> int | None:
    found = [(each, spec_of(each)) for each in Ledger(store).pipelines()]
    return tick(store, clocks(found), now_ns=now_ns)


def test_the_ticks_of_a_commit_are_looked_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = create_pipeline(store, hourly(start="2030-01-01T00:00:00Z"), now_ns=MIDNIGHT)
    found, newest = clocks([(pipeline, spec_of(pipeline))]), Newest()
    assert tick(store, found, now_ns=MIDNIGHT + HOUR, newest=newest) == MIDNIGHT + 2 * HOUR
    assert tick(store, found, now_ns=MIDNIGHT + HOUR, newest=newest) == MIDNIGHT + 2 * HOUR
    monkeypatch.setattr(ticks, "_newest", lambda commit: pytest.fail("looked at again"))
    assert tick(store, found, now_ns=MIDNIGHT + HOUR, newest=newest) == MIDNIGHT + 2 * HOUR


def names(store: Store) -> list[str]:
    repo = store.repo("sales_clock")
    return sorted(files(repo.head())) if repo.head() else []


@pytest.fixture
def sales(store: Store) -> Store:
    create_pipeline(store, hourly(), now_ns=MIDNIGHT)
    return store


def test_each_tick_is_an_empty_file_named_by_its_time(sales: Store) -> None:
    assert tick_at(sales, MIDNIGHT + HOUR - 1) == MIDNIGHT + HOUR
    assert names(sales) == []
    assert tick_at(sales, MIDNIGHT + HOUR) == MIDNIGHT + 2 * HOUR
    tick_at(sales, MIDNIGHT + 2 * HOUR)
    assert names(sales) == ["2030-01-01T01:00:00Z", "2030-01-01T02:00:00Z"]
    head = sales.repo("sales_clock").head()
    assert head is not None
    assert (head.depth, head.origin, head.tree.size) == (2, "cron", 0)


def test_missed_ticks_are_caught_up_with_in_one_commit(sales: Store) -> None:
    tick_at(sales, MIDNIGHT + 5 * HOUR)
    assert len(names(sales)) == 5
    head = sales.repo("sales_clock").head()
    assert head is not None
    assert (head.depth, head.message) == (1, "5 ticks")


def test_so_many_missed_ticks_that_some_are_left_out_are_said_to_be(sales: Store) -> None:
    tick_at(sales, MIDNIGHT + 100_000 * HOUR)
    assert len(names(sales)) == CAUGHT_UP
    head = sales.repo("sales_clock").head()
    assert head is not None
    assert head.message == "1000 ticks; earlier ones are left out"


def test_a_clock_that_goes_back_gives_no_tick_twice(sales: Store) -> None:
    tick_at(sales, MIDNIGHT + 3 * HOUR)
    before = names(sales)
    assert tick_at(sales, MIDNIGHT - 1000 * HOUR) == MIDNIGHT + 4 * HOUR
    tick_at(sales, MIDNIGHT + 3 * HOUR)
    assert names(sales) == before
    tick_at(sales, MIDNIGHT + 4 * HOUR)
    assert names(sales) == [*before, "2030-01-01T04:00:00Z"]


def test_overwrite_keeps_the_last_tick_only(store: Store) -> None:
    create_pipeline(store, hourly(overwrite=True), now_ns=MIDNIGHT)
    tick_at(store, MIDNIGHT + 5 * HOUR)
    tick_at(store, MIDNIGHT + 6 * HOUR)
    assert names(store) == ["2030-01-01T06:00:00Z"]
    assert [commit.message for commit in store.repo("sales_clock").log()] == [
        "2030-01-01T06:00:00Z",
        "2030-01-01T05:00:00Z",
    ]


def test_ticks_count_from_the_start_that_is_given(store: Store) -> None:
    create_pipeline(store, hourly(start="2029-12-31T20:30:00Z"), now_ns=MIDNIGHT)
    tick_at(store, MIDNIGHT)
    assert len(names(store)) == 4


def test_a_tick_by_hand_is_one_more(store: Store) -> None:
    create_pipeline(store, hourly(spec="@never"), now_ns=MIDNIGHT)
    assert tick_at(store, MIDNIGHT + 100 * HOUR) is None
    pipeline = Ledger(store).pipeline("sales")
    for _ in range(2):
        run_cron(store, pipeline, spec_of(pipeline), now_ns=MIDNIGHT + 7)
    assert names(store) == ["2030-01-01T00:00:00.000000007Z", "2030-01-01T00:00:00Z"]
    with pytest.raises(JobError, match="has no cron input 'watch'"):
        run_cron(store, pipeline, spec_of(pipeline), name="watch", now_ns=MIDNIGHT)


def test_the_repo_of_a_clock_comes_and_goes_with_its_pipeline(sales: Store) -> None:
    assert spec_json(spec_of(Ledger(sales).pipeline("sales")))["input"] == {
        "cron": {"name": "clock", "spec": "@hourly", "repo": "sales_clock"}
    }
    update_pipeline(sales, hourly(overwrite=True))
    assert sales.repo("sales_clock").origin == "cron"
    delete_pipeline(sales, "sales")
    assert sales.find_repo("sales_clock") is None


def test_a_repo_of_somebody_else_is_not_taken_for_a_clock(store: Store) -> None:
    store.create_repo("sales_clock")
    with pytest.raises(Exists):
        create_pipeline(store, hourly())
    assert Ledger(store).find_pipeline("sales") is None


def test_a_clock_whose_tick_cannot_be_committed_holds_up_no_other(
    sales: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = spec("again", input={"cron": {"name": "clock", "spec": "@hourly"}})
    create_pipeline(sales, other, now_ns=MIDNIGHT)
    repo = Store.repo

    def repo_or_full(store: Store, name: str) -> Repo:
        if name == "again_clock":
            raise Full("no space left")
        return repo(store, name)

    monkeypatch.setattr(Store, "repo", repo_or_full)
    assert tick_at(sales, MIDNIGHT + HOUR) == MIDNIGHT + HOUR + AGAIN_NS
    assert names(sales) == ["2030-01-01T01:00:00Z"]


def test_a_tick_starts_a_job(sales: Store) -> None:
    clock = [MIDNIGHT]

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            scheduler = Scheduler(sales, FakeExecutor(sales), now_ns=lambda: clock[0], poll_seconds=0.01)
            await nursery.start(scheduler.run)
            await settled(sales)
            assert told(sales, "sales") == []
            for hours in (1, 2):
                clock[0] = MIDNIGHT + hours * HOUR
                while len(told(sales, "sales")) < hours:
                    await trio.sleep(0.01)
            await settled(sales)
            nursery.cancel_scope.cancel()

    run(go)
    assert [(job.total, job.skipped) for job in told(sales, "sales")] == [(1, 0), (2, 1)]
    assert time_name(MIDNIGHT) == "2030-01-01T00:00:00Z"
