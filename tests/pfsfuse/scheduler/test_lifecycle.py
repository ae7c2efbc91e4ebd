"""Updating, stopping, starting and running pipelines; what counts as computed; which version made what."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio
from scheduling import files, put, run, settle, spec, told

from pfsfuse.errors import JobError, SpecError
from pfsfuse.pipeline import Spec
from pfsfuse.scheduler import (
    Ledger,
    create_pipeline,
    delete_pipeline,
    deploy,
    plan_deployment,
    run_pipeline,
    start_pipeline,
    stop_pipeline,
    update_pipeline,
    wait_for,
)
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.scheduler.run import JobRun
from pfsfuse.testing.executor import FakeExecutor
from pfsfuse.worker.api import Task
from store import Commit, Conflict, Exists, InUse, RepoNotFound, Store


def ran(store: Store, executor: FakeExecutor) -> int:
    """How many datums ran until everything was settled."""
    before = len(executor.started)
    settle(store, executor)
    return len(executor.started) - before


def head(store: Store, repo: str) -> Commit:
    found = store.repo(repo).head()
    assert found is not None
    return found


@pytest.fixture
def executor(store: Store) -> FakeExecutor:
    return FakeExecutor(store)


@pytest.fixture
def sales(store: Store, executor: FakeExecutor) -> None:
    """A pipeline that has computed two datums."""
    put(store, "trips", {"1": b"a", "2": b"b"})
    create_pipeline(store, spec("sales", "trips", cmd="one"))
    assert ran(store, executor) == 2


# ---- what counts


@pytest.mark.usefixtures("sales")
def test_an_update_computes_again_only_what_another_transform_would_change(
    store: Store, executor: FakeExecutor
) -> None:
    assert update_pipeline(store, spec("sales", "trips", cmd="one", datum_tries=5)).version == 2
    assert ran(store, executor) == 0
    update_pipeline(store, spec("sales", "trips", cmd="two", datum_tries=5))
    assert ran(store, executor) == 2
    update_pipeline(store, spec("sales", "trips", cmd="one"))
    assert ran(store, executor) == 0  # the first results are still there
    assert [job.version for job in told(store, "sales")] == [1, 2, 3, 4]


@pytest.mark.usefixtures("sales")
def test_the_same_specification_again_changes_nothing(store: Store, executor: FakeExecutor) -> None:
    (step,) = plan_deployment(store, [spec("sales", "trips", cmd="one")], update=True).steps
    assert step.verb == "leave"
    assert update_pipeline(store, spec("sales", "trips", cmd="one")).version == 1
    assert ran(store, executor) == 0 and len(told(store, "sales")) == 1


@pytest.mark.usefixtures("sales")
def test_a_new_description_is_a_version_and_no_job(store: Store, executor: FakeExecutor) -> None:
    assert update_pipeline(store, spec("sales", "trips", cmd="one", description="better")).version == 2
    assert ran(store, executor) == 0 and len(told(store, "sales")) == 1


@pytest.mark.usefixtures("sales")
def test_reprocess_lets_nothing_computed_before_count_and_what_is_computed_then_does(
    store: Store, executor: FakeExecutor
) -> None:
    update_pipeline(store, spec("sales", "trips", cmd="one"), results="reprocess")
    assert ran(store, executor) == 2
    update_pipeline(store, spec("sales", "trips", cmd="one", datum_tries=5))
    assert ran(store, executor) == 0


@pytest.mark.usefixtures("sales")
def test_keep_results_computes_only_what_is_new_with_the_new_transform(
    store: Store, executor: FakeExecutor
) -> None:
    update_pipeline(store, spec("sales", "trips", cmd="two"), results="keep")
    assert ran(store, executor) == 0
    put(store, "trips", {"3": b"c"})
    assert ran(store, executor) == 1
    assert executor.started[-1].launch.cmd == ("sh", "-c", "two")


@pytest.mark.usefixtures("sales")
def test_results_that_stand_are_looked_for_once_and_not_in_each_job(
    store: Store, executor: FakeExecutor
) -> None:
    computed = {pin.name for pin in store.pins.iter(b"datum/")}
    update_pipeline(store, spec("sales", "trips", cmd="two"), results="keep")
    settle(store, executor)
    adopted = {pin.name for pin in store.pins.iter(b"datum/")} - computed
    for name in adopted:
        store.pins.delete(name)  # found anew, they would be there again
    put(store, "trips", {"3": b"c"})
    assert ran(store, executor) == 1
    assert not adopted & {pin.name for pin in store.pins.iter(b"datum/")}


@pytest.mark.usefixtures("sales")
def test_results_that_stand_are_no_other_pipeline_s(store: Store, executor: FakeExecutor) -> None:
    update_pipeline(store, spec("sales", "trips", cmd="two"), results="keep")
    settle(store, executor)
    create_pipeline(store, spec("other", "trips", cmd="two"))
    assert ran(store, executor) == 2


@pytest.mark.usefixtures("sales")
def test_results_stand_over_several_updates_until_one_does_not_keep_them(
    store: Store, executor: FakeExecutor
) -> None:
    for cmd in ("two", "three"):
        update_pipeline(store, spec("sales", "trips", cmd=cmd), results="keep")
    assert ran(store, executor) == 0
    update_pipeline(store, spec("sales", "trips", cmd="four"))
    assert ran(store, executor) == 2


def test_a_salt_makes_two_like_pipelines_compute_each_for_itself(
    store: Store, executor: FakeExecutor
) -> None:
    put(store, "trips", {"1": b"a"})
    computed = []
    for name, salt in (("plain", ""), ("salted", "s"), ("too", "s")):
        create_pipeline(store, spec(name, "trips", salt=salt))
        computed.append(ran(store, executor))
    assert computed == [1, 1, 0]


def test_every_job_computes_each_datum_in_each_job(store: Store, executor: FakeExecutor) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips", reprocess_spec="every_job"))
    assert ran(store, executor) == 1
    put(store, "trips", {"2": b"b"})
    assert ran(store, executor) == 2


# ---- jobs and cursors


@pytest.mark.usefixtures("sales")
def test_an_update_ends_the_jobs_before_it_and_one_job_stands_for_them(
    store: Store, executor: FakeExecutor
) -> None:
    create_pipeline(store, spec("report", "sales"))
    settle(store, executor)
    put(store, "trips", {"3": b"c"})
    commit = put(store, "trips", {"4": b"d"})

    async def update_while_it_hangs() -> None:
        async with trio.open_nursery() as nursery:
            hanging = FakeExecutor(store, "hang")
            await nursery.start(Scheduler(store, hanging, poll_seconds=0.01).run)
            while not hanging.started:
                await trio.sleep(0.01)
            await trio.to_thread.run_sync(update_pipeline, store, spec("sales", "trips", cmd="new"))
            while not [job for job in told(store, "sales") if job.ended and job.reason]:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    run(update_while_it_hangs)
    settle(store, executor)
    _, first, second, last = told(store, "sales")
    assert not {"success"} & {first.state, second.state}
    assert first.reason == second.reason == "the pipeline was updated to version 2"
    assert (last.state, last.version, last.inputs[0].commit) == ("success", 2, str(commit.id))
    assert told(store, "report")[-1].inputs[0].commit == last.id
    assert wait_for(store, commit)[0] == ("sales", head(store, "sales").id)


@pytest.mark.usefixtures("sales")
def test_an_update_of_the_inputs_moves_to_the_new_ones(store: Store, executor: FakeExecutor) -> None:
    put(store, "weather", {"rain": b"wet"})
    put(store, "weather", {"sun": b"dry"})
    update_pipeline(store, spec("sales", "weather", cmd="one"))
    assert ran(store, executor) == 2  # on the head only, not on each commit
    put(store, "trips", {"3": b"c"})
    assert ran(store, executor) == 0
    put(store, "weather", {"snow": b"cold"})
    assert ran(store, executor) == 1
    assert {reading[1] for reading in Ledger(store).cursors()} == {"weather"}


@pytest.mark.usefixtures("sales")
def test_what_arrives_while_it_is_stopped_gets_one_job_when_it_is_started(
    store: Store, executor: FakeExecutor
) -> None:
    create_pipeline(store, spec("report", "sales"))
    settle(store, executor)
    stop_pipeline(store, "sales")
    put(store, "trips", {"3": b"c"})
    commit = put(store, "trips", {"4": b"d"})
    assert ran(store, executor) == 0 and wait_for(store, commit) == []
    job = start_pipeline(store, "sales")
    assert job is not None
    settle(store, executor)
    assert [each.inputs[0].commit for each in told(store, "sales")[1:]] == [str(commit.id)]
    assert told(store, "report")[-1].inputs[0].commit == job.id
    assert start_pipeline(store, "sales") is None


@pytest.mark.usefixtures("sales")
def test_starting_a_pipeline_to_which_nothing_came_orders_nothing(store: Store) -> None:
    stop_pipeline(store, "sales")
    assert start_pipeline(store, "sales") is None
    assert not Ledger(store).open_jobs()


def test_a_job_that_is_interrupted_by_a_stop_goes_on_after_the_start(store: Store) -> None:
    commit = put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips"))

    async def stop_while_it_hangs() -> None:
        async with trio.open_nursery() as nursery:
            hanging = FakeExecutor(store, "hang")
            scheduler = Scheduler(store, hanging, poll_seconds=0.01)
            await nursery.start(scheduler.run)
            while not hanging.started:
                await trio.sleep(0.01)
            stop_pipeline(store, "sales")
            scheduler.wake()
            while hanging.running:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    run(stop_while_it_hangs)
    with pytest.raises(JobError, match="is stopped"):
        wait_for(store, commit)
    start_pipeline(store, "sales")
    settle(store, FakeExecutor(store))
    assert [job.state for job in told(store, "sales")] == ["success"]


@pytest.mark.usefixtures("sales")
def test_a_run_on_an_older_commit_makes_its_result_the_head(store: Store, executor: FakeExecutor) -> None:
    first = head(store, "sales")
    put(store, "trips", {"3": b"c"})
    settle(store, executor)
    trips = store.repo("trips").commit("master.1")
    job = run_pipeline(store, "sales", {"trips": trips})
    assert ran(store, executor) == 0
    assert files(head(store, "sales")) == files(first) and str(head(store, "sales").id) == job.id
    put(store, "trips", {"4": b"d"})
    assert ran(store, executor) == 1
    assert len(files(head(store, "sales"))) == 4


@pytest.mark.usefixtures("sales")
def test_a_run_is_refused_for_what_cannot_be(store: Store) -> None:
    put(store, "weather", {"rain": b"wet"})
    with pytest.raises(JobError, match="has no input 'weather'"):
        run_pipeline(store, "sales", {"weather": head(store, "weather")})
    with pytest.raises(JobError, match="reads trips, not weather"):
        run_pipeline(store, "sales", {"trips": head(store, "weather")})
    stop_pipeline(store, "sales")
    with pytest.raises(JobError, match="is stopped"):
        run_pipeline(store, "sales")


# ---- several at once, all or nothing


def test_several_are_deployed_whatever_their_order_and_run_in_a_row(
    store: Store, executor: FakeExecutor
) -> None:
    commit = put(store, "trips", {"1": b"a"})
    deploy(store, plan_deployment(store, [spec("report", "sales"), spec("sales", "trips")]))
    settle(store, executor)
    assert wait_for(store, commit) == [("sales", commit.id), ("report", commit.id)]


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (spec("weather", "trips"), Exists, "weather"),
        (spec("b", "nowhere"), RepoNotFound, "nowhere"),
        (spec("trips2", "a", "b"), RepoNotFound, "b"),
    ],
)
def test_when_one_of_several_cannot_be_none_is(
    store: Store, bad: Spec, error: type[Exception], message: str
) -> None:
    before = [each.name for each in store.repos()]
    with pytest.raises(error, match=message):
        deploy(store, plan_deployment(store, [spec("a", "trips"), bad]))
    assert Ledger(store).pipelines() == []
    assert [each.name for each in store.repos()] == before


def test_an_update_that_would_close_a_circle_is_refused_with_the_circle(store: Store) -> None:
    create_pipeline(store, spec("a", "trips"))
    create_pipeline(store, spec("b", "a"))
    with pytest.raises(SpecError, match="a -> b -> a"):
        update_pipeline(store, spec("a", "b"))
    with pytest.raises(SpecError, match="c -> d -> c"):
        plan_deployment(store, [spec("c", "d"), spec("d", "c")])


def test_a_plan_that_the_world_has_overtaken_is_refused_and_changes_nothing(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    plan = plan_deployment(store, [spec("sales", "trips", cmd="slow")], update=True)
    update_pipeline(store, spec("sales", "trips", cmd="quick"))
    with pytest.raises(Conflict):
        deploy(store, plan)
    assert Ledger(store).pipeline("sales").version == 2


# ---- which version


@pytest.mark.usefixtures("sales")
def test_every_commit_names_the_version_that_made_it_even_of_a_deleted_pipeline(
    store: Store, executor: FakeExecutor
) -> None:
    first = head(store, "sales")
    update_pipeline(store, spec("sales", "trips", cmd="two"))
    settle(store, executor)
    second = head(store, "sales")
    ledger = Ledger(store)
    delete_pipeline(store, "sales", keep_repo=True)
    assert create_pipeline(store, spec("sales", "trips", cmd="three")).version == 3
    settle(store, executor)
    made = [ledger.version_of("sales", str(each.id)) for each in (first, second, head(store, "sales"))]
    assert made == [1, 2, 3]
    assert [each.spec["transform"]["cmd"][-1] for each in ledger.versions("sales")] == ["one", "two", "three"]
    delete_pipeline(store, "sales")
    assert ledger.versions("sales") == [] and ledger.version_of("sales", str(first.id)) is None


@pytest.mark.usefixtures("sales")
def test_a_repo_that_is_kept_is_people_s_until_a_pipeline_of_its_name_is_made_again(
    store: Store, executor: FakeExecutor
) -> None:
    computed = files(head(store, "sales"))
    delete_pipeline(store, "sales", keep_repo=True)
    put(store, "sales", {"by hand": b"!"})
    assert files(head(store, "sales")) == computed | {"by hand": b"!"}
    assert create_pipeline(store, spec("sales", "trips", cmd="one")).version == 2
    settle(store, executor)
    assert files(head(store, "sales")) == computed
    with pytest.raises(InUse, match="not edited by hand"):
        put(store, "sales", {"by hand": b"!"})


@pytest.mark.usefixtures("sales")
def test_a_kept_repo_in_which_something_is_staged_is_not_taken_back(store: Store) -> None:
    delete_pipeline(store, "sales", keep_repo=True)
    with store.repo("sales").stage() as stage:
        stage.write("by hand", b"!")
    with pytest.raises(InUse, match="sales@master has something staged"):
        create_pipeline(store, spec("sales", "trips", cmd="one"))
    assert Ledger(store).pipelines() == []


def test_a_pipeline_that_others_read_is_deleted_by_force(store: Store, executor: FakeExecutor) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    settle(store, executor)
    delete_pipeline(store, "sales", force=True)
    put(store, "trips", {"2": b"b"})
    settle(store, executor)
    assert [each.name for each in Ledger(store).pipelines()] == ["report"]
    assert len(told(store, "report")) == 1


def test_a_job_that_an_update_overtakes_at_its_very_end_makes_no_commit(store: Store) -> None:
    put(store, "trips", {"1": b"a"})
    pipeline = create_pipeline(store, before := spec("sales", "trips"))

    def transform(task: Task) -> dict[str, bytes]:
        update_pipeline(store, spec("sales", "trips", cmd="two"))
        return {"out": b""}

    (job,) = told(store, "sales")
    executor = FakeExecutor(store, transform=transform)
    made_ns = pipeline.created_ns
    run(JobRun(store, executor, before, job, time.time_ns, made_ns=made_ns).run)  # and nobody to stop it
    old, new = told(store, "sales")
    assert (old.state, old.reason) == ("killed", "the pipeline was updated to version 2")
    assert new.state == "created" and store.repo("sales").find_head("master") is None


def rewrite(store: Store, pipeline: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a pipeline's record, as another version of this package might have written it."""
    shelf, key = store.shelf("scheduler"), f"pipeline\0{pipeline}".encode()
    document = json.loads(shelf.get(key) or b"")
    change(document)
    shelf.put(key, json.dumps(document).encode())


@pytest.mark.usefixtures("sales")
def test_a_pipeline_that_another_version_has_written_with_fewer_or_more_fields_runs(
    store: Store, executor: FakeExecutor
) -> None:
    rewrite(store, "sales", lambda document: document.pop("stands") or document.update(of_tomorrow=1))
    put(store, "trips", {"3": b"c"})
    assert ran(store, executor) == 1
    assert update_pipeline(store, spec("sales", "trips", cmd="two")).version == 2


@pytest.mark.usefixtures("sales")
def test_a_specification_that_cannot_be_read_stands_in_nobody_s_way(
    store: Store, executor: FakeExecutor
) -> None:
    commit = head(store, "trips")
    rewrite(store, "sales", lambda document: document["spec"].update(of_tomorrow=1))
    create_pipeline(store, spec("other", "trips", cmd="two"))
    assert ran(store, executor) == 2
    assert [repo for repo, _ in wait_for(store, commit, unscheduled_too=True)] == ["other"]
    assert update_pipeline(store, spec("sales", "trips", cmd="three")).version == 2
    assert ran(store, executor) == 2
    rewrite(store, "sales", lambda document: document["spec"].update(of_tomorrow=1))
    delete_pipeline(store, "sales")
    assert Ledger(store).find_pipeline("sales") is None and store.find_repo("sales") is None
