"""The pool of workers on this host."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import pytest
import trio
from working import is_running, run, sentinel

from pfsfuse.errors import JobError
from pfsfuse.worker.api import Outcome, Task
from pfsfuse.worker.debris import remove_gone
from pfsfuse.worker.local import DEATHS, open_local_executor
from pfsfuse.worker.rooms import worker_directory
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

Tasks = Callable[..., Task]


def worker_pids(store: Store) -> list[int]:
    return [int(path.name.rpartition("-")[2]) for path in (store.path / "scratch").glob("worker-*")]


def test_workers_are_started_when_needed_and_used_again(store: Store, task: Tasks) -> None:
    async def go() -> None:
        async with open_local_executor(store.path, 4) as executor:
            assert worker_pids(store) == []
            await executor.run(task("true"))
            first = worker_pids(store)
            await executor.run(task("true", number=2))
            assert worker_pids(store) == first and len(first) == 1

    run(go)
    assert worker_pids(store) == []


def test_no_more_run_at_once_than_there_are_slots(store: Store, task: Tasks) -> None:
    async def go() -> None:
        async with open_local_executor(store.path, 2) as executor, trio.open_nursery() as nursery:
            for n in range(5):
                nursery.start_soon(executor.run, task("sleep 0.2", number=n))
        assert executor.slots == 2

    run(go)


def test_a_worker_that_died_while_idle_is_replaced(store: Store, task: Tasks) -> None:
    async def go() -> None:
        async with open_local_executor(store.path, 1) as executor:
            await executor.run(task("true"))
            (pid,) = worker_pids(store)
            os.kill(pid, signal.SIGKILL)
            assert (await executor.run(task("true", number=2))).state == "success"
            assert worker_pids(store) != [pid]

    run(go)


def test_a_worker_that_cannot_be_started_is_an_error_with_the_reason(
    store: Store, task: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with open_local_executor(store.path, 1) as executor:
            await executor.run(task("true"))

    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(JobError, match=r"a worker cannot be started: .*No such file"):
        run(go)


def test_a_datum_that_no_worker_survives_fails(store: Store, task: Tasks) -> None:
    long = sentinel()

    async def go() -> Outcome:
        async with open_local_executor(store.path, 1) as executor, trio.open_nursery() as nursery:
            nursery.start_soon(kill_every_worker)
            outcome = await executor.run(task(("sleep", long)))
            nursery.cancel_scope.cancel()
        return outcome

    async def kill_every_worker() -> None:
        while True:
            if is_running(long):
                for pid in worker_pids(store):
                    os.kill(pid, signal.SIGKILL)
                while is_running(long):
                    await trio.sleep(0.01)
            await trio.sleep(0.01)

    outcome = run(go)
    assert (outcome.state, outcome.reason) == (
        "failed",
        f"datum 00000000: {DEATHS} workers died while computing it",
    )


def test_what_dead_workers_left_is_cleared_away_at_the_start_and_the_living_are_left_alone(
    store: Store,
) -> None:
    dead, alive = worker_directory(store.path, 2**22 - 1), worker_directory(store.path, os.getpid())
    for path in (dead, alive):
        (path / "1" / "out").mkdir(parents=True)

    async def go() -> None:
        async with open_local_executor(store.path, 1):
            pass

    run(go)
    assert not dead.exists() and alive.exists()


def test_where_commands_cannot_be_sandboxed_it_says_what_to_do(
    store: Store, task: Tasks, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if os.path.isdir("/pfs"):
        pytest.skip("this host has a /pfs, so commands can be run without bubblewrap")
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))

    async def go() -> None:
        async with open_local_executor(store.path, 1) as executor:
            with pytest.raises(JobError, match="bubblewrap is not installed") as raised:
                await executor.run(task("true"))
            assert "make the directory /pfs" in raised.value.hint()

    run(go)


def test_an_output_that_is_too_deep_fails_its_datum_and_leaves_nothing(store: Store, task: Tasks) -> None:
    dig = "cd /pfs/out; for n in $(seq 1500); do mkdir d && cd d; done"

    async def go() -> tuple[Outcome, Outcome]:
        async with open_local_executor(store.path, 1) as executor:
            return await executor.run(task(dig)), await executor.run(task("true", number=2))

    deep, other = run(go)
    assert deep.state == "failed" and "names deep" in deep.reason
    assert other.state == "success"
    assert worker_pids(store) == []
    remove_gone(store.path / "scratch")  # what takes long is left to whoever comes next
    assert not any((store.path / "scratch").iterdir())


def test_a_log_that_cannot_be_written_fails_its_datum_and_not_the_worker(store: Store, task: Tasks) -> None:
    (store.path / "logs" / "file").touch()
    log = str(store.path / "logs" / "file" / "datum.log")

    async def go() -> tuple[Outcome, Outcome, list[int]]:
        async with open_local_executor(store.path, 1) as executor:
            failed = await executor.run(task("true", log=log, tries=2))
            return failed, await executor.run(task("true", number=2)), worker_pids(store)

    failed, other, pids = run(go)
    assert failed.state == "failed" and "File exists" in failed.reason
    assert other.state == "success" and len(pids) == 1
