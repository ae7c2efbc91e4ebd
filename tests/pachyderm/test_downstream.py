"""What follows from a commit: provenance, jobs, and branches that are moved."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest
from rows import row
from scheduling import files, put, settle, spec, told

import store as storage
from pfsfuse.cli.shared.deleting import refuse_read
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.errors import JobError, SpecError
from pfsfuse.pipeline import make_trigger
from pfsfuse.scheduler import (
    create_pipeline,
    delete_pipeline,
    request_retry,
    run_pipeline,
    set_trigger,
    start_pipeline,
    stop_pipeline,
    wait_for,
)
from pfsfuse.testing.executor import FakeExecutor
from pfsfuse.worker.api import Task
from store import Commit, Exists, InUse, NotFound, Repo, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with storage.create(tmp_path / "store") as opened:
        for name in ("run", "logs", "scratch"):
            (opened.path / name).mkdir()
        for name in ("trips", "weather"):
            opened.create_repo(name)
        yield opened


@pytest.fixture
def executor(store: Store) -> FakeExecutor:
    """What runs datums; each writes what it read."""

    def contents(task: Task) -> dict[str, bytes]:
        (given, *_) = task.launch.inputs
        commit = store.commit(given.repo, storage.CommitId.parse(given.commit))
        return {"file": commit.read("file")}

    return FakeExecutor(store, transform=contents)


def head(store: Store, repo: str, branch: str = "master") -> Commit:
    found = store.repo(repo).head(branch)
    assert found is not None
    return found


def move(repo: Repo, branch: str, to: Commit) -> None:
    now = repo.find_head(branch)
    repo.advance(branch, expect=None if now is None else now.id, to=to.id)


@row("one commit causes one job in each pipeline below it, whose commits have its id")
@row("a pipeline that reads a commit and what was computed from it runs once, on both")
@row("`wait commit` returns when everything that follows from a commit is there")
@row("a commit names what it was computed from, and what was computed from it is found")
def test_one_commit_causes_one_job_in_each_pipeline(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales", "trips", glob="/"))
    commit = put(store, "trips", {"file": b"1"})
    settle(store, FakeExecutor(store))
    assert [job.id for name in ("sales", "report") for job in told(store, name)] == [str(commit.id)] * 2
    assert wait_for(store, commit) == [("sales", commit.id), ("report", commit.id)]
    assert {each.repo for each in head(store, "report").provenance} == {"sales", "trips"}
    assert set(store.downstream("trips", commit.id)) == {("sales", commit.id), ("report", commit.id)}
    assert {each.repo for each in store.commit_set(commit.id)} == {"trips", "sales", "report"}


@row(
    "`propagation_spec: {never: true}`: what arrives on the input starts no job; jobs that another starts read it"
)
def test_an_input_that_never_propagates(store: Store) -> None:
    silent = {"pfs": {"repo": "weather", "glob": "/", "propagation_spec": {"never": True}}}
    tree = {"cross": [{"pfs": {"repo": "trips", "glob": "/"}}, silent]}
    create_pipeline(store, spec("sales", "trips", input=tree))
    put(store, "weather", {"file": b"1"})
    day = put(store, "trips", {"file": b"1"})
    settle(store, FakeExecutor(store))
    rain = put(store, "weather", {"file": b"2"})
    settle(store, FakeExecutor(store))
    assert [job.id for job in told(store, "sales")] == [str(day.id)]
    put(store, "trips", {"file": b"2"})
    settle(store, FakeExecutor(store))
    assert told(store, "sales")[-1].inputs[1].commit == str(rain.id)


@row("the pipelines' specifications and datums are commits of repos, too", "they are kept beside the repos")
def test_a_pipeline_makes_one_repo(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    assert [each.name for each in store.repos()] == ["sales", "trips", "weather"]


@row("an id names, in a repo that has no commit of it, the commit that those of the id depend on")
def test_an_id_names_what_was_read(store: Store) -> None:
    rain = put(store, "weather", {"rain": b"1"})
    create_pipeline(store, spec("sales", "trips", "weather", glob="/"))
    create_pipeline(store, spec("report", "sales", glob="/"))
    commit = put(store, "trips", {"file": b"1"})
    settle(store, FakeExecutor(store))
    put(store, "weather", {"rain": b"2"})
    assert store.resolve_commit(f"weather@{commit.id}") == rain


@row("a transaction over several inputs causes one job")
def test_inputs_changed_together_cause_one_job(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips", "weather", glob="/"))
    with store.edit_together("trips", "weather") as edits:
        for edit in edits:
            edit.write("file", b"1")
    settle(store, FakeExecutor(store))
    assert len(told(store, "sales")) == 1


@row("a new pipeline runs at once on what its inputs hold")
@row("a pipeline made on empty repos has a job without datums", "its first job comes with the first commits")
def test_a_new_pipeline_runs_on_what_is_there(store: Store, executor: FakeExecutor) -> None:
    create_pipeline(store, spec("sales", "trips"))
    settle(store, executor)
    assert told(store, "sales") == []
    put(store, "trips", {"file": b"1"})
    create_pipeline(store, spec("other", "trips"))
    settle(store, executor)
    assert [len(told(store, name)) for name in ("sales", "other")] == [1, 1]


@row("a glob without a match makes a job without datums, which succeeds")
def test_no_datum_is_a_success(store: Store, executor: FakeExecutor) -> None:
    create_pipeline(store, spec("sales", "trips", glob="/nothing*"))
    put(store, "trips", {"file": b"1"})
    settle(store, executor)
    (job,) = told(store, "sales")
    assert (job.state, job.total) == ("success", 0)


@row("a job that fails leaves its commit failed; what is downstream is not run")
def test_a_failed_job_stops_what_follows(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    commit = put(store, "trips", {"file": b"1"})
    settle(store, FakeExecutor(store, "fail"))
    assert store.commit("sales", commit.id).state == "failed"
    assert [job.state for name in ("sales", "report") for job in told(store, name)] == [
        "failed",
        "unrunnable",
    ]


@row("a job is run again, and reads what it read; its commits get an id of their own, which names that")
def test_a_job_is_run_again(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    commit = put(store, "trips", {"file": b"1"})
    executor = FakeExecutor(store, "fail")
    settle(store, executor)
    id = request_retry(store, told(store, "sales")[0])
    settle(store, executor)
    assert id != str(commit.id) and head(store, "sales").id == storage.CommitId.parse(id)
    assert store.resolve_commit(f"trips@{id}") == commit


# ---- which branches make a graph


@row(
    "branches of any repos are made to depend on others",
    "only the branch that a pipeline writes depends on others",
)
@row("nobody commits to a branch that depends on others, nor moves it")
def test_only_a_pipeline_writes_its_branch(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    with pytest.raises(InUse):
        store.repo("sales").edit()


@row("a graph without a way back: what would depend on itself is refused")
def test_a_circle_is_refused(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    for name, read in (("trips", "report"), ("loop", "loop")):
        with pytest.raises(SpecError):
            create_pipeline(store, spec(name, read))


@row("two branches of one repo are not read by one pipeline", "they are: to compare them, say")
def test_two_branches_of_a_repo_are_read_together(store: Store) -> None:
    leaves = [{"pfs": {"repo": "trips", "branch": b, "name": b, "glob": "/"}} for b in ("master", "dev")]
    put(store, "trips", {"file": b"1"})
    put(store, "trips", {"file": b"2"}, branch="dev")
    create_pipeline(store, spec("sales", "trips", input={"cross": leaves}))
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    assert {each.branch for each in job.inputs} == {"master", "dev"}


@row(
    "a branch that a pipeline reads is made, if it is not there",
    "an error: it is a mistake more often than a wish",
)
def test_a_branch_that_is_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(NotFound):
        create_pipeline(
            store, spec("sales", "trips", input={"pfs": {"repo": "trips", "branch": "d", "glob": "/"}})
        )


@row("a pipeline is not made where there is a repo of its name, unless that was left by a pipeline")
@row("a pipeline that others read is not deleted, but by force; its repo goes with it, unless it is kept")
def test_a_pipeline_that_is_read_is_not_deleted(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    create_pipeline(store, spec("report", "sales"))
    with pytest.raises(JobError):
        delete_pipeline(store, "sales")
    delete_pipeline(store, "report", keep_repo=True)
    delete_pipeline(store, "sales")
    assert {each.name for each in store.repos()} == {"report", "trips", "weather"}
    create_pipeline(store, spec("report", "trips"))
    with pytest.raises(Exists):
        create_pipeline(store, spec("weather", "trips"))


# ---- stopping, starting, moving


@row("provenance that is taken off and put on again: one job for all that came meanwhile")
@row(
    "its commit has a new id, which names the head of the input",
    "it has the id of the newest of those commits",
)
def test_a_pipeline_is_stopped_and_started(store: Store, executor: FakeExecutor) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"file": b"1"})
    settle(store, executor)
    stop_pipeline(store, "sales")
    for number in b"23":
        newest = put(store, "trips", {"file": bytes([number])})
    settle(store, executor)
    assert len(told(store, "sales")) == 1
    start_pipeline(store, "sales")
    settle(store, executor)
    assert len(told(store, "sales")) == 2
    assert head(store, "sales").id == newest.id
    assert store.resolve_commit(f"trips@{head(store, 'sales').id}") == newest


@row(
    "commits on a branch that nothing reads cause no job; moving a branch that is read there causes one, for all"
)
@row(
    "the commits that a move causes have a new id",
    "they have the id of the commit that the branch was moved to",
)
def test_processing_is_deferred(store: Store, executor: FakeExecutor) -> None:
    create_pipeline(store, spec("sales", "trips", output_branch="staging"))
    create_pipeline(store, spec("report", "sales", input={"pfs": {"repo": "sales", "glob": "/*"}}))
    put(store, "trips", {"file": b"1"}, branch="staging")
    staged = put(store, "trips", {"file": b"2"}, branch="staging")
    settle(store, executor)
    assert [each.repo for each in store.commit_set(staged.id)] == ["trips"]
    assert told(store, "sales") == []
    move(store.repo("trips"), "master", staged)
    settle(store, executor)
    assert head(store, "sales", "staging").provenance[0].commit == staged.id
    assert head(store, "sales", "staging").id == staged.id
    assert (len(told(store, "sales")), told(store, "report")) == (1, [])
    move(store.repo("sales"), "master", head(store, "sales", "staging"))
    settle(store, executor)
    assert files(head(store, "report")) == {"file": b"2"}


@row(
    "a branch that is moved back: what follows shows the data of then, under a new id, which names that commit"
)
@row(
    "the branch of a pipeline that reads it is moved back to the commit it had",
    "it gets a new commit, whose datums are skipped: its history says what was shown when",
)
def test_a_branch_is_moved_back(store: Store, executor: FakeExecutor) -> None:
    create_pipeline(store, spec("b", "trips"))
    create_pipeline(store, spec("c", "b"))
    made = []
    for number in b"123":
        made.append(put(store, "trips", {"file": bytes([number])}))
        settle(store, executor)
    ran = len(executor.started)
    for back in (made[1], made[0]):
        move(store.repo("trips"), "master", back)
        settle(store, executor)
        b, c = head(store, "b"), head(store, "c")
        assert files(b) == files(c) == files(back)
        assert b.id == c.id != back.id
        assert store.resolve_commit(f"trips@{c.id}") == back
    assert len(executor.started) == ran  # nothing was computed again
    assert b.depth == 5


@row("a pipeline is run by hand, on commits that are chosen, or on what its inputs hold")
def test_a_pipeline_is_run_by_hand(store: Store, executor: FakeExecutor) -> None:
    create_pipeline(store, spec("sales", "trips"))
    first = put(store, "trips", {"file": b"1"})
    put(store, "trips", {"file": b"2"})
    settle(store, executor)
    run_pipeline(store, "sales", {"trips": first})
    settle(store, executor)
    assert files(head(store, "sales")) == {"file": b"1"}


@row("an input with a trigger reads a branch of its own, `<pipeline>-trigger-<n>`")
def test_an_input_with_a_trigger_reads_a_branch_of_its_own(store: Store, executor: FakeExecutor) -> None:
    tree = {"pfs": {"repo": "trips", "glob": "/*", "trigger": {"commits": 2}}}
    create_pipeline(store, spec("sales", "trips", input=tree))
    put(store, "trips", {"file": b"1"})
    settle(store, executor)
    assert told(store, "sales") == []
    put(store, "trips", {"file": b"2"})
    settle(store, executor)
    assert head(store, "trips", "sales-trigger-1") == head(store, "trips")
    assert len(told(store, "sales")) == 1


@row("triggers before and behind a pipeline hold back the small, and let pass the large")
def test_triggers_before_and_behind_a_pipeline(store: Store) -> None:
    executor = FakeExecutor(store, transform=lambda task: {task.datum: b"x" * 1000})
    for repo in ("trips", "sales"):
        if repo == "sales":
            create_pipeline(store, spec("sales", "trips", output_branch="staging"))
        trigger = make_trigger("staging", size="1K")
        set_trigger(store, repo, "master", trigger, now_ns=0)
    create_pipeline(store, spec("report", "sales"))
    seen = []
    for size, name in itertools.zip_longest((10, 1000), "ab"):
        put(store, "trips", {name: b"x" * size}, branch="staging")
        settle(store, executor)
        seen.append((len(told(store, "sales")), len(told(store, "report"))))
    assert seen == [(0, 0), (1, 1)]
    staged = head(store, "trips", "staging")
    assert head(store, "sales").id == staged.id == head(store, "trips").id


@row("a repo or a branch that pipelines read is deleted only by force")
def test_what_pipelines_read_is_deleted_only_by_force(store: Store) -> None:
    put(store, "trips", {"file": b"1"}, branch="dev")
    create_pipeline(
        store, spec("sales", "trips", input={"pfs": {"repo": "trips", "branch": "dev", "glob": "/"}})
    )
    for branch in (None, "dev"):
        with pytest.raises(CommandError):
            refuse_read(store, "trips", branch)
    refuse_read(store, "trips", "master")
    refuse_read(store, "weather")


@row("`fsck` finds provenance that was damaged, and mends it")
def test_damaged_provenance_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    with storage.create(path) as data:
        trips = put(data, data.create_repo("trips").name, {"a": b"1"})
        source = (storage.Provenance("trips", "master", trips.id),)
        with data.create_repo("sales").edit(provenance=source, allow_empty=True):
            pass
    with lmdb.open(str(path), max_dbs=32) as env, env.begin(write=True) as txn:
        txn.drop(env.open_db(b"downstream", txn=txn), delete=False)
    with storage.open(path) as data:
        assert not data.check().sound
        data.repair(data.plan_repair())
        assert data.check().sound and data.downstream("trips", trips.id) != []
