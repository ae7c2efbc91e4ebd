"""Pipelines end to end: a real scheduler, real workers with their own mounts, real commands."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from scheduling import files, is_settled, put, run, settled, spec, told

from pfsfuse.errors import JobError
from pfsfuse.scheduler import create_pipeline, job_logs, wait_for
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.worker.local import open_local_executor
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

TOTAL = """
for file in /pfs/trips/*; do name=$(basename $file); wc -c < $file > /pfs/out/$name; done
"""


LONG = f"86400.{os.getpid():07}"
"""Seconds that a command of these tests sleeps, and no other process on this machine: it goes on when it is woken."""
ASLEEP = f"sleep\0{LONG}"


async def nothing() -> None:
    """What most tests do while jobs run."""


def work(store: Store, *, slots: int = 2, meanwhile: Callable[[], Awaitable[None]] = nothing) -> None:
    """Run everything there is to run with real workers, and `meanwhile` beside it."""

    async def go() -> None:
        async with open_local_executor(store.path, slots) as executor, trio.open_nursery() as nursery:
            await nursery.start(Scheduler(store, executor, poll_seconds=0.02).run)
            await meanwhile()
            await settled(store)
            nursery.cancel_scope.cancel()

    run(go)


def test_a_pipeline_computes_each_file_once(store: Store) -> None:
    put(store, "trips", {"7-01-16": b"12", "7-02-16": b"345"})
    create_pipeline(store, spec("sales", "trips", cmd=TOTAL))
    work(store)
    assert files(store.repo("sales").head()) == {"7-01-16": b"2\n", "7-02-16": b"3\n"}
    put(store, "trips", {"7-03-16": b""})
    work(store)
    job = told(store, "sales")[-1]
    assert (job.total, job.skipped, job.done) == (3, 2, 1)
    assert files(store.repo("sales").head()) == {"7-01-16": b"2\n", "7-02-16": b"3\n", "7-03-16": b"0\n"}


def test_two_pipelines_in_a_row_and_a_cross(store: Store) -> None:
    put(store, "weather", {"rain": b"wet"})
    create_pipeline(store, spec("sales", "trips", cmd=TOTAL))
    create_pipeline(
        store, spec("report", "sales", "weather", cmd="cat $sales $weather > /pfs/out/$(basename $sales)")
    )
    commit = put(store, "trips", {"7-01-16": b"12"})
    work(store)
    assert files(store.repo("report").head()) == {"7-01-16": b"2\nwet"}
    assert wait_for(store, commit) == [("sales", commit.id), ("report", commit.id)]


def test_a_command_knows_what_it_is_part_of(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips", cmd="env > /pfs/out/env"))
    commit = put(store, "trips", {"7-01-16": b"12"})
    work(store)
    env = dict(line.split("=", 1) for line in files(store.repo("sales").head())["env"].decode().splitlines())
    id = str(commit.id)
    expected = {
        "PFS_JOB_ID": id,
        "PFS_OUTPUT_COMMIT": id,
        "PFS_PIPELINE": "sales",
        "PACH_JOB_ID": id,
        "PACH_OUTPUT_COMMIT_ID": id,
        "trips": "/pfs/trips/7-01-16",
        "trips_COMMIT": id,
    }
    assert expected.items() <= env.items()
    assert env["PFS_DATUM_ID"] == env["PACH_DATUM_ID"] and len(env["PFS_DATUM_ID"]) == 64


def test_a_failure_is_told_with_its_file_its_exit_code_and_what_it_printed(store: Store) -> None:
    put(store, "trips", {"good": b"1"})
    create_pipeline(
        store,
        spec(
            "sales", "trips", cmd='case $trips in *bad) echo "bad figures" >&2; exit 3;; esac', datum_tries=2
        ),
    )
    work(store)
    good = store.repo("sales").head()
    commit = put(store, "trips", {"bad": b"1"})
    work(store)
    job = told(store, "sales")[-1]
    first, *rest = job.reason.splitlines()
    assert first.startswith("1 of 2 datums failed: datum ") and first.endswith("(trips:/bad): exit code 3")
    assert rest[-1] == "bad figures"
    with pytest.raises(JobError) as raised:
        wait_for(store, commit)
    assert str(raised.value) == f"job sales@{commit.id} failed: {first}"
    (log,) = job_logs(store, job)
    assert log.read_text().count("bad figures") == 2
    assert store.repo("sales").head() == good


def test_a_killed_worker_costs_time_and_nothing_else(store: Store) -> None:
    put(store, "trips", {"1": b"a", "2": b"b"})
    create_pipeline(store, spec("sales", "trips", cmd=f"sleep {LONG}; {TOTAL}"))

    async def kill_a_worker() -> None:
        while len(_processes(ASLEEP)) < 2:  # both datums are being computed
            await trio.sleep(0.01)
        os.kill(_processes("workerd", str(store.path))[0], signal.SIGKILL)
        while not is_settled(store):
            wake()
            await trio.sleep(0.01)

    work(store, meanwhile=kill_a_worker)
    (job,) = told(store, "sales")
    assert (job.state, job.done, job.failed) == ("success", 2, 0)
    assert files(store.repo("sales").head()) == {"1": b"1\n", "2": b"1\n"}
    assert any("died" in log.read_text() for log in job_logs(store, job))
    assert not list((store.path / "scratch").glob("worker-*"))


def test_a_killed_scheduler_s_job_is_finished_by_the_next(store: Store, tmp_path: Path) -> None:
    put(store, "trips", {str(n): b"x" * n for n in range(6)})
    create_pipeline(store, spec("sales", "trips", cmd=f"sleep {LONG}; {TOTAL}"))
    code = f"""
import trio
from pathlib import Path
import store
from pfsfuse.scheduler.loop import Scheduler
from pfsfuse.worker.local import open_local_executor

async def main(opened):
    async with open_local_executor(opened.path, 2) as executor:
        await Scheduler(opened, executor).run()

with store.open(Path({str(store.path)!r})) as opened:
    trio.run(main, opened)
"""
    first = subprocess.Popen([sys.executable, "-c", code])

    async def kill_in_mid_job() -> None:
        for number in (1, 2):
            while not wake(1):
                await trio.sleep(0.01)
            while len(list(store.pins.iter(b"datum/"))) < number:
                await trio.sleep(0.01)
        first.kill()
        first.wait()

    run(kill_in_mid_job)
    assert told(store, "sales")[0].state == "running"
    known = {pin.name: pin.note for pin in store.pins.iter(b"datum/")}
    assert len(known) == 2

    async def finish() -> None:
        while not is_settled(store):
            wake()
            await trio.sleep(0.01)

    work(store, meanwhile=finish)
    (job,) = told(store, "sales")
    assert (job.state, job.total, job.skipped, job.done, job.restarts) == ("success", 6, 0, 6, 1)
    assert {pin.name: pin.note for pin in store.pins.iter(b"datum/") if pin.name in known} == known
    assert files(store.repo("sales").head()) == {str(n): b"%d\n" % n for n in range(6)}
    assert not _processes("workerd", str(store.path))


def test_deleting_a_repo_s_data_under_a_waiting_job_fails_it_with_the_reason(store: Store) -> None:
    put(store, "trips", {"1": b"a"})
    create_pipeline(store, spec("sales", "trips", cmd=TOTAL))
    store.delete_repo("trips")
    work(store)
    (job,) = told(store, "sales")
    assert job.state == "failed" and "trips" in job.reason


def _processes(*words: str) -> list[int]:
    """The processes whose command line has all these words in it."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            line = Path("/proc", pid, "cmdline").read_text()
        except OSError:
            continue
        if all(word in line for word in words):
            found.append(int(pid))
    return found


def wake(most: int = 10) -> int:
    """End so many of those who sleep `LONG`; how many there were."""
    asleep = _processes(ASLEEP)[:most]
    for pid in asleep:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    return len(asleep)
