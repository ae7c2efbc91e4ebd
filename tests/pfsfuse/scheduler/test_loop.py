"""The loop on real stores, with an executor that follows a script."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from scheduling import files, is_settled, put, run, settle, settled, spec, told

from pfsfuse.errors import DaemonError, JobError, SpecError
from pfsfuse.pipeline import Spec, parse_specs
from pfsfuse.role import Role, RoleLock, is_played
from pfsfuse.scheduler import Job, Ledger, create_pipeline, delete_pipeline, loop, output, wait_for
from pfsfuse.scheduler.job import DatumRun
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.scheduler.steps import Fail, Run
from pfsfuse.testing.executor import FakeExecutor
from pfsfuse.worker.api import Task
from store import Commit, Entry, Exists, Full, Provenance, RefNotFound, RepoNotFound, Store


def test_a_new_pipeline_runs_at_once_on_the_current_head(store: Store) -> None:
    put(store, "trips", {"1": b"a"})
    head = put(store, "trips", {"2": b"b"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    assert (job.state, job.id, job.total, job.done) == ("success", str(head.id), 2, 2)
    made = store.repo("sales").head()
    assert files(made) == {"1": b"/1", "2": b"/2"}


def test_the_output_carries_the_trigger_s_id_and_names_it_in_its_provenance(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    trigger = put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store))
    made = store.commit("sales", trigger.id)
    assert made.provenance == (Provenance("trips", "master", trigger.id),)
    assert (made.origin, made.state) == ("pipeline", "finished")
    assert [each.repo for each in store.commit_set(trigger.id)] == ["sales", "trips"]


def test_every_commit_of_a_backlog_gets_its_job_in_order(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    commits = [put(store, "trips", {str(n): b"x"}) for n in range(5)]
    settle(store, FakeExecutor(store))
    assert [job.id for job in told(store, "sales")] == [str(each.id) for each in commits]
    history = list(store.repo("sales").log())
    assert [each.id for each in history] == [each.id for each in reversed(commits)]
    assert [len(files(each)) for each in history] == [5, 4, 3, 2, 1]


def test_what_was_computed_once_is_never_computed_again(store: Store) -> None:
    executor = FakeExecutor(store)
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})
    settle(store, executor)
    put(store, "trips", {"3": b"c"})
    settle(store, executor)
    assert [(job.total, job.done, job.skipped) for job in told(store, "sales")] == [(2, 2, 0), (3, 1, 2)]
    assert len(executor.started) == 3


def test_a_touched_file_runs_nothing(store: Store) -> None:
    executor = FakeExecutor(store)
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    with store.repo("trips").edit(allow_empty=True) as edit:
        edit.write("1", b"a", mtime_ns=1)
    settle(store, executor)
    assert len(executor.started) == 1


def test_a_failed_datum_fails_the_job_and_the_last_good_head_stays(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store))
    good = store.repo("sales").head()
    bad = put(store, "trips", {"2": b"b", "3": b"c"})
    executor = FakeExecutor(store, "fail ok", slots=1)
    settle(store, executor)
    job = told(store, "sales")[-1]
    assert (job.state, job.total, job.done, job.failed, job.skipped) == ("failed", 3, 1, 1, 1)
    assert job.reason == "1 of 3 datums failed: exit code 1"
    assert store.repo("sales").head() == good
    failed = store.commit("sales", bad.id)
    assert (failed.state, failed.reason) == ("failed", job.reason)
    # What did succeed need not run again.
    put(store, "trips", {"4": b"d"})
    settle(store, executor)
    assert [job.state for job in told(store, "sales")] == ["success", "failed", "success"]
    assert told(store, "sales")[-1].done == 2


def test_no_datums_is_a_success_that_says_so(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips", glob="/*.csv"))
    trigger = put(store, "trips", {"readme": b"a"})
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    assert (job.state, job.total) == ("success", 0)
    assert job.reason == f"0 datums: nothing matches '/*.csv' in trips@{trigger.id}"
    assert files(store.repo("sales").head()) == {}


def test_two_datums_that_write_one_path_fail_the_job_naming_both(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})
    settle(store, FakeExecutor(store, transform=lambda task: {"all/total": b"1"}))
    (job,) = told(store, "sales")
    assert job.state == "failed"
    assert "/pfs/out/all/total is written by datum" in job.reason
    assert "(trips:/1)" in job.reason and "(trips:/2)" in job.reason


def test_a_file_and_a_directory_of_one_name_collide(store: Store) -> None:
    def transform(task: Task) -> dict[str, bytes]:
        (path,) = task.launch.inputs[0].paths
        return {"total": b"1"} if path == "/1" else {"total/2": b"1"}

    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})
    settle(store, FakeExecutor(store, transform=transform))
    assert "/pfs/out/total is written by" in told(store, "sales")[0].reason


def test_datums_may_write_into_one_directory(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})

    def transform(task: Task) -> dict[str, bytes]:
        (path,) = task.launch.inputs[0].paths
        return {f"2016/july{path}": b"x", f"2016{path}": b"y"}

    settle(store, FakeExecutor(store, transform=transform))
    expected = {"2016/july/1": b"x", "2016/july/2": b"x", "2016/1": b"y", "2016/2": b"y"}
    assert files(store.repo("sales").head()) == expected


def test_a_cross_reads_each_input_as_it_was_then(store: Store) -> None:
    create_pipeline(store, spec("both", "trips", "weather", glob="/"))
    first = put(store, "trips", {"1": b"a"})
    rain = put(store, "weather", {"1": b"r"})
    second = put(store, "trips", {"2": b"b"})
    settle(store, FakeExecutor(store))
    # The first commit found no weather: no job. Then each commit meets what the other repo held at its time.
    read = [tuple(each.commit for each in job.inputs) for job in told(store, "both")]
    assert read == [(str(first.id), str(rain.id)), (str(second.id), str(rain.id))]


def test_commits_made_together_run_one_job_that_reads_both(store: Store) -> None:
    create_pipeline(store, spec("days", "trips", glob="/"))
    create_pipeline(store, spec("both", "trips", "weather", glob="/"))
    create_pipeline(store, spec("end", "days", "both", glob="/"))
    for number in range(3):
        with store.edit_together("weather", "trips") as edits:
            for edit in edits:
                edit.write(f"{number}", b"1")
    settle(store, FakeExecutor(store))
    ids = [str(commit.id) for commit in store.repo("trips").log()][::-1]
    for name in ("days", "both", "end"):
        jobs = told(store, name)
        assert [job.id for job in jobs] == ids
        assert all({each.commit for each in job.inputs} == {job.id} for job in jobs)


def test_a_chain_runs_with_one_id_all_the_way(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    commits = [put(store, "trips", {str(n): b"x"}) for n in range(3)]
    settle(store, FakeExecutor(store))
    for commit in commits:
        assert {each.repo for each in store.commit_set(commit.id)} == {"trips", "sales", "report"}
    assert store.repo("report").head().provenance == (Provenance("sales", "master", commits[-1].id),)


def test_a_diamond_runs_its_end_once_for_each_commit(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales", "trips", glob="/"))
    commits = [put(store, "trips", {str(n): b"x"}) for n in range(3)]
    settle(store, FakeExecutor(store))
    jobs = told(store, "report")
    assert [job.id for job in jobs] == [str(each.id) for each in commits]
    assert all({each.commit for each in job.inputs} == {job.id} for job in jobs)


def test_when_upstream_fails_downstream_is_recorded_as_failed_and_not_run(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    put(store, "trips", {"1": b"a"})
    executor = FakeExecutor(store, "fail")
    settle(store, executor)
    (job,) = told(store, "report")
    assert (job.state, job.reason, job.total) == ("unrunnable", "upstream sales failed", 0)
    assert [task.pipeline for task in executor.started] == ["sales"]


def test_a_branch_that_was_moved_back_runs_its_head_alone_with_a_new_id(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    first, second = (put(store, "trips", {str(n): b"x"}) for n in range(2))
    executor = FakeExecutor(store)
    settle(store, executor)
    store.repo("trips").advance("master", expect=second.id, to=first.id)
    settle(store, executor)
    jobs = told(store, "sales")
    assert [job.cause.commit for job in jobs] == [str(first.id), str(second.id), str(first.id)]
    assert len({job.id for job in jobs}) == 3
    assert len(executor.started) == 2
    assert files(store.repo("sales").head()) == {"0": b"/0"}


def test_no_more_datums_run_at_once_than_there_are_slots(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("narrow", "trips", cmd="other", parallelism_spec={"constant": 1}))
    put(store, "trips", {str(n): b"x" for n in range(20)})
    executor = FakeExecutor(store, slots=3)
    settle(store, executor)
    assert 1 < executor.most_running <= 4


def test_an_executor_that_breaks_fails_the_job_and_the_scheduler_goes_on(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    executor = FakeExecutor(store, "die")
    settle(store, executor)
    put(store, "trips", {"2": b"b"})
    settle(store, executor)
    assert [job.state for job in told(store, "sales")] == ["failed", "success"]
    assert "Broken" in caplog.text


@pytest.mark.parametrize("script", ["ok", "fail", "die"])
def test_a_job_whose_end_cannot_be_recorded_stays_open_until_it_can(
    store: Store, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(loop, "RETRY_SECONDS", 0.01)
    full, put_job = [True], Ledger.put_job

    def put_job_where_there_is_room(
        ledger: Ledger, job: Job, runs: Iterable[DatumRun] = (), **more: int
    ) -> bool:
        if job.ended and full:
            raise Full("no space left")
        return put_job(ledger, job, runs, **more)

    monkeypatch.setattr(Ledger, "put_job", put_job_where_there_is_room)
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    put(store, "trips", {"1": b"a"})

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Scheduler(store, FakeExecutor(store, script), poll_seconds=0.01).run)
            await trio.sleep(0.3)
            assert not is_settled(store)
            full.clear()
            await settled(store)
            nursery.cancel_scope.cancel()

    run(go)
    assert [job.state for job in told(store, "sales")] == ["failed" if script == "fail" else "success"]


@pytest.mark.parametrize("leaves_a_commit", [True, False])
def test_a_job_that_is_lost_while_the_disk_is_full_is_told_of_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, leaves_a_commit: bool
) -> None:
    caplog.set_level("INFO", "pfsfuse.scheduler")
    monkeypatch.setattr(loop, "RETRY_SECONDS", 0.01)
    tries, put_job, fail_output = [0], Ledger.put_job, output.fail_output

    def put_job_where_there_is_room(
        ledger: Ledger, job: Job, runs: Iterable[DatumRun] = (), **more: int
    ) -> bool:
        if job.ended and tries[0] < 3:
            tries[0] += 1
            raise Full("no space left")
        return put_job(ledger, job, runs, **more)

    def fail_output_where_there_is_room(*given: Any) -> Commit:
        if not leaves_a_commit:
            raise Full("no space left")
        return fail_output(*given)

    monkeypatch.setattr(Ledger, "put_job", put_job_where_there_is_room)
    monkeypatch.setattr(output, "fail_output", fail_output_where_there_is_room)
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store, "fail fail fail fail"))
    (job,) = told(store, "sales")
    assert (tries, job.state, job.reason) == ([3], "failed", "1 of 1 datums failed: exit code 1")
    lines = [each.getMessage() for each in caplog.records]
    assert len([line for line in lines if line.startswith("job sales@")]) == 1, lines
    assert len([line for line in lines if "no failed commit" in line]) == (not leaves_a_commit), lines


def test_a_job_whose_success_could_not_be_recorded_at_first_has_not_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_job = Ledger.put_job

    def put_job_where_there_is_room(
        ledger: Ledger, job: Job, runs: Iterable[DatumRun] = (), **more: int
    ) -> bool:
        if job.state == "success":
            monkeypatch.undo()  # once is enough
            raise Full("no space left")
        return put_job(ledger, job, runs, **more)

    monkeypatch.setattr(Ledger, "put_job", put_job_where_there_is_room)
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    assert (job.state, job.reason) == ("success", "")
    assert files(store.repo("sales").head()) == {"1": b"/1"}


def test_waiting_goes_on_while_one_scheduler_takes_over_from_another(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pfsfuse.scheduler.wait.HANDOVER_SECONDS", 60.0)  # however busy this machine is
    create_pipeline(store, spec("sales", "trips"))
    head = put(store, "trips", {"1": b"a"})

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, wait_for, store, head)
            await trio.sleep(0.3)
            scheduler = trio.CancelScope()
            nursery.start_soon(until_cancelled, scheduler)
            await settled(store)
            await trio.sleep(0.1)
            scheduler.cancel()

    async def until_cancelled(scope: trio.CancelScope) -> None:
        with scope:
            await Scheduler(store, FakeExecutor(store), poll_seconds=0.01).run()

    run(go)


def test_a_job_that_ends_while_the_next_steps_are_read_is_not_run_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_steps = Scheduler._next_steps

    def read_slowly(scheduler: Scheduler) -> list[Run | Fail]:
        steps = next_steps(scheduler)
        time.sleep(0.1)
        return steps

    monkeypatch.setattr(Scheduler, "_next_steps", read_slowly)
    executor = FakeExecutor(store)
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Scheduler(store, executor, poll_seconds=0.01).run)
            await settled(store)
            await trio.sleep(0.3)
            nursery.cancel_scope.cancel()

    run(go)
    assert [(job.state, job.total, job.done) for job in told(store, "sales")] == [("success", 1, 1)]


def test_an_interrupted_job_is_taken_up_again_and_runs_what_was_not_finished(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {str(n): b"x" for n in range(5)})
    first = FakeExecutor(store, "ok ok hang", slots=1)

    async def interrupted() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Scheduler(store, first, poll_seconds=0.01).run)
            while len(first.started) < 3:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    run(interrupted)
    assert told(store, "sales")[0].state == "running"
    second = FakeExecutor(store)
    settle(store, second)
    (job,) = told(store, "sales")
    assert (job.state, job.total, job.skipped, job.done, job.restarts) == ("success", 5, 0, 5, 1)
    assert len(second.started) == 3


def test_a_commit_made_just_before_a_crash_is_found_and_counts(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    Ledger(store).put_job(replace(job, state="running", finished_ns=None))
    executor = FakeExecutor(store)
    settle(store, executor)
    assert told(store, "sales")[0].state == "success" and not executor.started
    assert len(list(store.repo("sales").log())) == 1


def test_deleting_a_pipeline_stops_its_job(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    executor = FakeExecutor(store, "hang")

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Scheduler(store, executor, poll_seconds=0.01).run)
            while not executor.running:
                await trio.sleep(0.01)
            delete_pipeline(store, "sales")
            while executor.running:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    run(go)
    assert told(store, "sales") == [] and store.find_repo("sales") is None


def test_a_pipeline_made_anew_in_mid_merge_does_not_get_the_output_of_the_one_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips", cmd="old"))
    merge, merged = output.merge, []

    def merge_while_another_is_made(store: Store, trees: Iterable[output.Layer]) -> Entry:
        tree = merge(store, trees)
        merged.append(tree)
        if len(merged) == 1:
            delete_pipeline(store, "sales")
            create_pipeline(store, spec("sales", "trips", cmd="new"))
        return tree

    monkeypatch.setattr(output, "merge", merge_while_another_is_made)
    executor = FakeExecutor(store, transform=lambda task: {"by": task.launch.cmd[2].encode()})
    while len(merged) < 2:
        settle(store, executor)
    assert files(store.repo("sales").head()) == {"by": b"new"}


@pytest.mark.parametrize("ended", ["failed", "success"])
def test_the_end_of_a_job_is_not_recorded_with_another_pipeline_of_the_name(store: Store, ended) -> None:
    put(store, "trips", {"1": b"a"})
    made = create_pipeline(store, spec("sales", "trips"))
    (job,) = told(store, "sales")
    delete_pipeline(store, "sales")
    create_pipeline(store, spec("sales", "trips", cmd="other"))
    assert not Ledger(store).put_job(replace(job, state=ended), made_ns=made.created_ns)
    assert [each.state for each in told(store, "sales")] == ["created"]


def test_a_job_that_takes_too_long_is_killed(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips", job_timeout="100ms"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store, "hang"))
    (job,) = told(store, "sales")
    assert (job.state, job.reason) == ("killed", "timed out after 0.1 s")


def test_a_kept_repo_is_written_on_by_a_pipeline_of_the_same_name(store: Store) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    delete_pipeline(store, "sales", keep_repo=True)
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    assert job.state == "success" and len(list(store.repo("sales").log())) == 2


def test_only_one_scheduler_schedules_and_the_next_takes_over(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))

    async def go() -> None:
        with RoleLock(store.path, Role.SCHEDULER) as lock:
            assert lock.acquire_nowait() and is_played(store.path, Role.SCHEDULER)
            async with trio.open_nursery() as nursery:
                scheduler = Scheduler(store, FakeExecutor(store), poll_seconds=0.01)
                await nursery.start(scheduler.run)
                put(store, "trips", {"1": b"a"})
                await trio.sleep(0.1)
                assert not scheduler.scheduling and not is_settled(store)
                lock.close()
                await settled(store)
                assert scheduler.scheduling
                nursery.cancel_scope.cancel()

    run(go)
    assert not is_played(store.path, Role.SCHEDULER)


# ---- making and deleting


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (lambda: spec("sales", "trips"), Exists),
        (lambda: spec("weather", "trips"), Exists),
        (lambda: spec("new", "nowhere"), RepoNotFound),
        (lambda: spec("new", "new"), SpecError),
    ],
)
def test_a_pipeline_that_cannot_be_is_refused_and_changes_nothing(
    store: Store, wanted: Callable[[], Spec], error: type[Exception]
) -> None:
    create_pipeline(store, spec("sales", "trips"))
    before = [each.name for each in store.repos()]
    with pytest.raises(error):
        create_pipeline(store, wanted())
    assert [each.name for each in Ledger(store).pipelines()] == ["sales"]
    assert [each.name for each in store.repos()] == before


def test_an_input_branch_must_exist_unless_it_is_the_default_one(store: Store) -> None:
    document = {
        "pipeline": {"name": "sales"},
        "transform": {"cmd": ["true"]},
        "input": {"pfs": {"repo": "trips", "branch": "dev", "glob": "/"}},
    }
    (wanted,) = parse_specs(json.dumps(document), source="test")
    with pytest.raises(RefNotFound, match="dev"):
        create_pipeline(store, wanted)


def test_a_cycle_through_a_kept_repo_is_refused_with_the_cycle(store: Store) -> None:
    create_pipeline(store, spec("a", "trips"))
    delete_pipeline(store, "a", keep_repo=True)
    create_pipeline(store, spec("b", "a"))
    with pytest.raises(SpecError, match="a -> b -> a"):
        create_pipeline(store, spec("a", "b"))


def test_a_pipeline_that_others_read_is_not_deleted(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    with pytest.raises(JobError, match="read by report"):
        delete_pipeline(store, "sales")
    delete_pipeline(store, "report")
    delete_pipeline(store, "sales")
    assert [each.name for each in store.repos()] == ["trips", "weather"]


# ---- waiting


def test_waiting_gives_everything_computed_from_a_commit(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    commit = put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store))
    assert wait_for(store, commit) == [("sales", commit.id), ("report", commit.id)]
    assert wait_for(store, store.commit("report", commit.id)) == []


def test_waiting_for_a_commit_that_nothing_will_read_returns_at_once(store: Store) -> None:
    old = put(store, "trips", {"1": b"a"})
    put(store, "trips", {"2": b"b"})
    create_pipeline(store, spec("sales", "trips"))
    assert wait_for(store, put(store, "weather", {"1": b"r"})) == []
    assert wait_for(store, old) == []


def test_a_commit_that_starts_no_job_is_not_waited_for(store: Store) -> None:
    leaves = [{"pfs": {"repo": "trips", "glob": "/"}}, {"pfs": {"repo": "weather", "glob": "/"}}]
    leaves[1]["pfs"]["propagation_spec"] = "never"
    create_pipeline(store, spec("sales", "trips", input={"cross": leaves}))
    rain = put(store, "weather", {"1": b"r"})
    settle(store, FakeExecutor(store))
    assert wait_for(store, rain) == []
    commit = put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store))
    assert wait_for(store, rain) == wait_for(store, commit) == [("sales", commit.id)]


def test_waiting_for_a_failed_job_names_the_pipeline_the_reason_and_the_log(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    commit = put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store, "fail"))
    with pytest.raises(JobError, match=rf"job sales@{commit.id} failed: 1 of 1 datums failed") as raised:
        wait_for(store, commit)
    assert "pfs job logs sales" in raised.value.hint()


def test_waiting_when_nobody_schedules_says_so(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    commit = put(store, "trips", {"1": b"a"})
    with pytest.raises(DaemonError, match="sales has work to do"):
        wait_for(store, commit)


def test_waiting_returns_when_the_job_ends(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    commit = put(store, "trips", {"1": b"a"})

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            scheduler = Scheduler(store, FakeExecutor(store), poll_seconds=0.01)
            await nursery.start(scheduler.run)
            assert await trio.to_thread.run_sync(wait_for, store, commit) == [("sales", commit.id)]
            nursery.cancel_scope.cancel()

    run(go)
