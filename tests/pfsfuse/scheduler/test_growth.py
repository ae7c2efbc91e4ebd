"""A job that goes on from the one before comes to the same as one that begins from nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scheduling import files, put, settle, spec, told

import store as storage
from pfsfuse.pipeline import enumerate_datums, find_changes
from pfsfuse.scheduler import create_pipeline, output
from pfsfuse.scheduler.growth import find_growth
from pfsfuse.testing.executor import FakeExecutor
from pfsfuse.worker.api import Task, datum_pin
from store import Commit, Entry, Store

names = st.sampled_from(["a", "b", "c", "d"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
trees = st.dictionaries(paths, st.binary(max_size=1), max_size=6)
globs = st.sampled_from(["/", "/*", "/**", "/a/*", "/*/b", "/{a,c}", "/*/*/*"])


def without_clashes(tree: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of which none lies below another."""
    return {path: data for path, data in tree.items() if not any(path.startswith(f"{p}/") for p in tree)}


def replace(store: Store, repo: str, tree: Mapping[str, bytes]) -> Commit:
    """A commit of exactly these files."""
    with store.repo(repo).edit(allow_empty=True) as edit:
        edit.remove("")
        for path, data in tree.items():
            edit.write(path, data)
    assert edit.result is not None
    return edit.result


def changed(store: Store, old: Commit, new: Commit) -> list[bytes]:
    return [change.path for change in store.diff(old.tree, new.tree)]


@given(trees.map(without_clashes), trees.map(without_clashes), globs)
@settings(max_examples=40, deadline=None)
def test_the_datums_of_a_commit_are_those_of_the_one_before_but_for_what_came_and_went(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, bytes],
    after: dict[str, bytes],
    glob: str,
) -> None:
    given_ = spec("sales", "trips", glob=glob)
    with storage.create(tmp_path_factory.mktemp("store") / "store") as opened:
        opened.create_repo("trips")
        old, new = replace(opened, "trips", before), replace(opened, "trips", after)
        found = find_changes(given_, old, new, changed(opened, old, new), at_most=1000)
        ours, theirs = ([d.id for d in enumerate_datums(given_, [at])] for at in (old, new))
        assert found is not None
        assert [d.id for d in found.go] == [id for id in ours if id not in theirs]
        assert [d.id for d in found.come] == [id for id in theirs if id not in ours]


def tree_of(store: Store, files: Mapping[str, bytes], number: int) -> Entry:
    """What a datum wrote; each at another time, with another mode."""
    with store.edit_tree() as edit:
        for path, data in files.items():
            edit.write(path, data, mtime_ns=number)
            while "/" in path:
                path = path.rpartition("/")[0]
                edit.mkdir(path, mode=0o700 | number, mtime_ns=number)
        return edit.save()


def shape(store: Store, directory: Entry) -> list[tuple[Entry, object]]:
    """Everything about a tree but times: a file that is written again as it was keeps its own."""
    return [
        (entry.name, entry.mode, entry.identity(), shape(store, entry) if entry.is_dir else None)
        for entry in store.iter_directory(directory)
    ]


@given(st.lists(trees.map(without_clashes), max_size=4), st.integers(0, 4), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_an_output_that_is_carried_on_equals_one_that_is_merged_anew(
    tmp_path_factory: pytest.TempPathFactory, wrote: list[dict[str, bytes]], kept: int, new: int
) -> None:
    with storage.create(tmp_path_factory.mktemp("store") / "store") as opened:
        layers = [(f"datum {n}", tree_of(opened, files_, n + 1)) for n, files_ in enumerate(wrote)]
        gone, stay, come = layers[:kept], layers[kept : kept + new], layers[kept + new :]
        try:
            base = output.merge(opened, [*gone, *stay])
            whole = output.merge(opened, [*stay, *come])
        except output.OutputCollision:
            return
        grafted = output.graft(opened, base, gone, come)
        if grafted is None:
            assert any("/" in path for files_ in wrote[:kept] for path in files_)
        else:
            assert shape(opened, grafted) == shape(opened, whole)


def test_adding_a_file_asks_for_one_datum_only(store: Store) -> None:
    put(store, "trips", {f"{n:03}": b"" for n in range(50)})
    create_pipeline(store, sales := spec("sales", "trips"))
    executor = FakeExecutor(store)
    settle(store, executor)
    put(store, "trips", {"new": b""})
    settle(store, executor)
    first, second = told(store, "sales")
    growth = find_growth(store, sales, second)
    assert (
        growth is not None and growth.changes.come == growth.changes.go == ()
    )  # it is the basis itself by now
    assert (first.total, second.total, second.skipped, second.done) == (50, 51, 50, 1)
    assert len(executor.started) == 51
    assert len(files(store.repo("sales").head())) == 51


def test_a_job_goes_on_from_one_before_an_update_that_changes_neither_input_nor_transform(
    store: Store,
) -> None:
    put(store, "trips", {"1": b"", "2": b""})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    updates: list[dict[str, object]] = [
        {"datum_tries": 5, "parallelism_spec": {"constant": 1}, "description": "x"},
        {"cmd": "other"},
        {"glob": "/"},
        {"salt": "s"},
    ]
    goes_on = [find_growth(store, spec("sales", "trips", **each), job) is not None for each in updates]  # type: ignore[arg-type]
    assert goes_on == [True, False, False, False]


def test_what_a_file_that_went_had_given_goes_too(store: Store) -> None:
    put(store, "trips", {"a": b"1", "b": b"2", "c": b"3"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    with store.repo("trips").edit() as edit:
        edit.remove("b")
        edit.write("c", b"4")
    settle(store, FakeExecutor(store, transform=lambda task: {"c": b"again"}))
    assert files(store.repo("sales").head()) == {"a": b"/a", "c": b"again"}


def test_a_path_that_an_earlier_job_had_written_is_a_collision_with_both_in_the_message(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store, transform=lambda task: {"same": b""}))
    put(store, "trips", {"b": b"2"})
    settle(store, FakeExecutor(store, transform=lambda task: {"same": b""}))
    reason = told(store, "sales")[-1].reason
    assert "/pfs/out/same is written by datum" in reason
    assert "trips:/a" in reason and "trips:/b" in reason


def test_a_result_that_another_pipeline_has_computed_anew_since_is_no_part_of_the_basis(store: Store) -> None:
    head = put(store, "trips", {"a": b"1", "b": b"2"})
    create_pipeline(store, sales := spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    _, second = enumerate_datums(sales, [head])
    store.pins.delete(datum_pin(second.id))
    with store.edit_tree() as edit:
        edit.write("named by a clock", b"")
        edit.save_pinned(datum_pin(second.id), lambda tree: b"")
    with store.repo("trips").edit() as changing:
        changing.remove("b")
    settle(store, FakeExecutor(store))
    assert told(store, "sales")[-1].state == "success"
    assert files(store.repo("sales").head()) == {"a": b"/a"}


def test_a_result_that_is_gone_is_computed_again_when_everything_is_merged_anew(store: Store) -> None:
    head = put(store, "trips", {"a": b"1", "b": b"2", "c": b"3"})
    create_pipeline(store, sales := spec("sales", "trips"))
    settle(store, FakeExecutor(store, transform=in_a_directory))
    _, second, _ = enumerate_datums(sales, [head])
    store.pins.delete(datum_pin(second.id))
    with store.repo("trips").edit() as changing:
        changing.remove("a")  # takes a directory along, which others may have made too: nothing to carry on
    settle(store, executor := FakeExecutor(store, transform=in_a_directory))
    job = told(store, "sales")[-1]
    assert (job.state, job.total, job.skipped, job.done) == ("success", 2, 1, 1)
    assert [task.datum for task in executor.started] == [second.id]
    assert files(store.repo("sales").head()) == {"d/b": b"", "d/c": b""}


def in_a_directory(task: Task) -> dict[str, bytes]:
    """A file below a directory `d`, named after what the datum reads."""
    (given_,) = task.launch.inputs
    return {f"d{given_.paths[0]}": b""}


def test_of_two_jobs_that_compute_one_datum_at_once_both_use_what_the_first_has_kept(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    for name in ("early", "late"):
        create_pipeline(store, spec(name, "trips"))

    def transform(task: Task) -> dict[str, bytes]:
        if task.pipeline == "early":
            return {"x": b"", "y": b""}
        while store.repo("early").find_head("master") is None:
            time.sleep(0.001)
        return {"x": b""}

    settle(store, executor := FakeExecutor(store, transform=transform))
    first, second = executor.started
    assert first.datum == second.datum
    assert files(store.repo("late").head()) == files(store.repo("early").head()) == {"x": b"", "y": b""}
    with store.repo("trips").edit() as edit:
        edit.remove("a")
    settle(store, FakeExecutor(store))
    assert files(store.repo("early").head()) == {}


def test_another_specification_begins_from_nothing(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, sales := spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    (job,) = told(store, "sales")
    assert find_growth(store, sales, job) is not None
    assert find_growth(store, spec("sales", "trips", glob="/"), job) is None
    assert find_growth(store, spec("sales", "trips", cmd="false"), job) is None
