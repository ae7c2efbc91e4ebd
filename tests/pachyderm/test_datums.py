"""Datums in jobs: what is skipped, what is run again, and what becomes of outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rows import SAME, cases, row
from scheduling import files, put, settle, spec, told

import store as storage
from pfsfuse.scheduler import create_pipeline, update_pipeline
from pfsfuse.scheduler.datums import iter_datums
from pfsfuse.testing.executor import FakeExecutor
from pfsfuse.worker.api import Task
from store import Commit, Store

Change = Callable[[Store], object]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with storage.create(tmp_path / "store") as opened:
        for name in ("run", "logs", "scratch"):
            (opened.path / name).mkdir()
        opened.create_repo("trips")
        yield opened


def output(store: Store) -> dict[str, bytes]:
    return files(store.repo("sales").head())


def remove(store: Store, path: str) -> Commit:
    with store.repo("trips").edit() as edit:
        edit.remove(path)
    assert edit.result is not None
    return edit.result


def added(store: Store) -> object:
    return put(store, "trips", {"3": b"c"})


def changed(store: Store) -> object:
    return put(store, "trips", {"1": b"changed"})


def renamed(store: Store) -> object:
    with store.repo("trips").edit() as edit:
        edit.graft("9", store.repo("trips").commit().entry("1"))
        edit.remove("1")
    return edit.result


def another_code(store: Store) -> object:
    return update_pipeline(store, spec("sales", "trips", cmd="two"))


def reprocessed(store: Store) -> object:
    return update_pipeline(store, spec("sales", "trips", cmd="one"), results="reprocess")


def other_pipeline(store: Store) -> object:
    return create_pipeline(store, spec("again", "trips", cmd="one"))


def put_back(store: Store) -> object:
    remove(store, "1")
    settle(store, FakeExecutor(store))
    return put(store, "trips", {"1": b"a"})


@cases(
    "which of two datums run again",
    "what change ran",
    [
        ("a third file came", added, ["/3"], SAME),
        ("the contents of one changed", changed, ["/1"], SAME),
        ("one was removed", lambda store: remove(store, "1"), [], SAME),
        ("one was renamed", renamed, ["/9"], SAME),
        ("the pipeline was updated to compute everything again", reprocessed, ["/1", "/2"], SAME),
        ("its code was updated", another_code, ["/1", "/2"],
         "both: results of other code are not what the new one gives, but with `--keep-results`"),
        ("one was removed, and put again two commits later", put_back, [], "none: a datum computed once is kept"),
        ("another pipeline has the same code and input", other_pipeline, [], "none: its results are the same"),
    ],
)  # fmt: skip
def test_which_datums_run_again(store: Store, what: str, change: Change, ran: list[str]) -> None:
    put(store, "trips", {"1": b"a", "2": b"b"})
    create_pipeline(store, spec("sales", "trips", cmd="one"))
    executor = FakeExecutor(store)
    settle(store, executor)
    before = len(executor.started)
    change(store)
    settle(store, executor)
    run = [path for task in executor.started[before:] for given in task.launch.inputs for path in given.paths]
    assert (before, sorted(run)) == (2, ran)


@row("with `reprocess_spec: every_job` nothing is ever skipped")
def test_every_job_computes_everything(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips", reprocess_spec="every_job"))
    executor = FakeExecutor(store)
    for files_ in ({"1": b"a"}, {"2": b"b"}):
        put(store, "trips", files_)
        settle(store, executor)
    assert len(executor.started) == 3


@cases(
    "what the next job does after a datum of two",
    "what script ran",
    [
        ("has failed, and so the job", "ok fail", 1, "runs that one; there, both"),
        ("recovered: `err_cmd` succeeded", "ok recover", 1, SAME),
    ],
)
def test_what_runs_again_after_a_failure(store: Store, what: str, script: str, ran: int) -> None:
    put(store, "trips", {"1": b"a", "2": b"b"})
    create_pipeline(store, spec("sales", "trips"))
    executor = FakeExecutor(store, script, slots=1)
    settle(store, executor)
    before = len(executor.started)
    put(store, "trips", {"3": b"c"})
    settle(store, executor)
    assert len(executor.started) - before == ran + 1
    assert output(store).keys() == {"1", "2", "3"}


@row("a datum is `success`, `skipped`, `failed` or `recovered`; the others of a job that fails are finished")
@row("a datum that recovered has no output, and does not fail its job")
def test_what_is_said_of_each_datum(store: Store) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    put(store, "trips", {"2": b"b", "3": b"c", "4": b"d"})
    settle(store, FakeExecutor(store, "recover fail ok", slots=1))
    job = told(store, "sales")[-1]
    states = [each.state for each in iter_datums(store, spec("sales", "trips"), job)]
    assert (states, job.state) == (["skipped", "recovered", "failed", "success"], "failed")


# ---- outputs


@row("the output of a datum that is gone is gone, and that of one that changed replaced")
def test_outputs_follow_their_datums(store: Store) -> None:
    def transform(task: Task) -> dict[str, bytes]:
        (given,) = task.launch.inputs
        path = given.paths[0].strip("/")
        commit = store.commit(given.repo, storage.CommitId.parse(given.commit))
        return {f"{path}-{commit.read(path).decode()}": b""}

    executor = FakeExecutor(store, transform=transform)
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})
    settle(store, executor)
    put(store, "trips", {"1": b"c"})
    remove(store, "2")
    settle(store, executor)
    assert output(store).keys() == {"1-c"}


@cases(
    "what two datums of a job may write",
    "what first second state",
    [
        ("one file", "total", "total", "failed", SAME),
        ("a file and a directory of one name", "total", "total/2", "failed", SAME),
        ("files of one directory", "all/1", "all/2", "success", SAME),
    ],
)
def test_what_two_datums_may_write(store: Store, what: str, first: str, second: str, state: str) -> None:
    def transform(task: Task) -> dict[str, bytes]:
        return {first if task.launch.inputs[0].paths[0] == "/1" else second: b"1"}

    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a", "2": b"b"})
    settle(store, FakeExecutor(store, transform=transform))
    (job,) = told(store, "sales")
    assert job.state == state


@row("a file that one datum wrote may be written by another when the first is gone")
def test_a_file_passes_from_one_datum_to_another(store: Store) -> None:
    executor = FakeExecutor(store, transform=lambda task: {"total": task.launch.inputs[0].paths[0].encode()})
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, executor)
    renamed(store)
    settle(store, executor)
    assert output(store) == {"total": b"/9"}


@row("a datum may not write `example*txt`", "it may: a name is any bytes that Linux takes")
def test_any_name_is_written(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips"))
    put(store, "trips", {"1": b"a"})
    settle(store, FakeExecutor(store, transform=lambda task: {"example*txt": b"", "example.txt": b""}))
    assert output(store).keys() == {"example*txt", "example.txt"}
