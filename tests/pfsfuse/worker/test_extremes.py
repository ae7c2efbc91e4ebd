"""Datums that write far more than is good for anybody: very many files, and more than the disk takes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from working import run

import store as storage
from pfsfuse.worker.api import Outcome, Task, datum_pin
from pfsfuse.worker.handle import open_worker
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

Tasks = Callable[..., Task]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_tens_of_thousands_of_files_are_kept(store: Store, task: Tasks) -> None:
    write = "cd /pfs/out; seq 30000 | split -l 1 -a 5 - f"
    given = task(write)

    async def go() -> Outcome:
        async with open_worker(store.path) as worker:
            return await worker.compute(given)

    outcome = run(go, seconds=550)
    assert (outcome.state, outcome.files) == ("success", 30_000), outcome
    pin = store.pins.get(datum_pin(given.datum))
    assert pin is not None and pin.tree.files == 30_000


@pytest.fixture
def store_of_64_mib(tmp_path: Path) -> Iterator[Path]:
    """A directory on a small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("making a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", disk], check=True)
    yield disk / "store"
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_fails_the_datum_and_nothing_else(store_of_64_mib: Path, task: Tasks) -> None:
    with storage.create(store_of_64_mib) as opened:
        for name in ("logs", "scratch"):
            (opened.path / name).mkdir()
        with opened.create_repo("trips").edit() as edit:
            edit.write("1", b"1")
        assert edit.result is not None
        inputs = [{"name": "trips", "repo": "trips", "commit": str(edit.result.id)}]

        def small(number: int, command: str) -> Task:
            from pfsfuse.worker.api import Input

            log = str(opened.path / "logs" / f"{number}.log")
            return task(command, number=number, log=log, inputs=tuple(Input(**each) for each in inputs))

        async def go() -> list[Outcome]:
            async with open_worker(opened.path) as worker:
                return [
                    await worker.compute(small(1, "head -c 100000000 /dev/urandom > /pfs/out/x")),
                    await worker.compute(small(2, "head -c 40000000 /dev/urandom > /pfs/out/x")),
                    await worker.compute(small(3, "echo 1 > /pfs/out/x")),
                ]

        command, keeping, small_one = run(go)
        assert (
            command.state == "failed"
            and "exit code 1; the disk that the store is on is full" in command.reason
        )
        assert keeping.state == "failed" and "/pfs/out cannot be kept: " in keeping.reason
        assert small_one.state == "success"
        assert opened.repo("trips").head().read("1") == b"1"
