"""Sweeps beside other processes that write what was garbage a moment ago."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import store
from store.testing.invariants import assert_sound

ROUNDS = int(os.environ.get("RACE_ROUNDS", "60"))

WRITER = """
import random, sys, store
path, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = random.Random(name)
with store.open(path) as data:
    print("ready", flush=True)
    for number in range(rounds):
        # Few contents, so that most of it is there already: alive, or garbage that a sweep is about to drop.
        repo = data.find_repo(name) or data.create_repo(name)
        with repo.edit(message=str(number)) as edit:
            for _ in range(6):
                content = rng.randrange(12)
                plain = random.Random(content).randbytes(30_000 * (content % 3) + 9)
                edit.write(f"dir{rng.randrange(3)}/{content}", plain)
        with data.edit_tree() as tree_edit:
            content = rng.randrange(12)
            tree_edit.write("result", random.Random(content).randbytes(50_000))
            tree = tree_edit.save()
        data.pins.put(f"datum/{name}/{content}".encode(), tree)
        if rng.random() < 0.3:
            data.delete_repo(name)
        if rng.random() < 0.3:
            data.pins.delete(f"datum/{name}/{rng.randrange(12)}".encode())
    print("done", flush=True)
"""
COLLECTOR = """
import sys, store
with store.open(sys.argv[1]) as data:
    print("ready", flush=True)
    sweeps = dropped = 0
    while True:
        try:
            dropped += data.sweep(data.plan_gc(), patience_seconds=5).dropped
            data.compact()
            sweeps += 1
        except store.InUse:
            pass
        print(sweeps, dropped, flush=True)
"""


@contextmanager
def running(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_writers_and_a_collector_race_and_nothing_alive_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store.create(path).close()
    with running(COLLECTOR, path) as collector:
        with running(WRITER, path, "trips", ROUNDS) as one, running(WRITER, path, "weather", ROUNDS) as two:
            for writer in (one, two):
                out, err = writer.communicate(timeout=280)
                assert (out, err, writer.returncode) == ("done\n", "", 0)
        # How often it got the lock beside the writers depends on the machine; what they left behind does not.
        assert collector.stdout is not None
        sweeps = dropped = 0
        while sweeps <= 3 or dropped <= 20:
            line = collector.stdout.readline()
            assert line, "the collector has ended"
            sweeps, dropped = map(int, line.split())
    with store.open(path) as data:
        assert_sound(data)
        for repo in data.repos():
            for commit in repo.log():
                assert all(
                    len(commit.read(each)) == entry.size for each, entry in commit.walk() if entry.is_file
                )


SLOW_EDIT = """
import random, sys, store
with store.open(sys.argv[1]) as data, data.create_repo("weather").edit() as edit:
    edit.write("found", random.Random(1).randbytes(200_000))
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_an_edit_of_another_process_that_relies_on_garbage_is_waited_for(tmp_path: Path) -> None:
    with store.create(tmp_path / "s") as data:
        with data.create_repo("trips").edit() as edit:
            edit.write("old", random.Random(1).randbytes(200_000))
        data.delete_repo("trips")
        plan = data.plan_gc()
        assert plan.drop > 2
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW_EDIT, tmp_path / "s"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        with pytest.raises(store.InUse):
            data.sweep(plan, patience_seconds=0.1)
        process.communicate("go on\n", timeout=200)
        assert process.returncode == 0
        data.sweep(plan)
        assert data.repo("weather").commit().read("found") == random.Random(1).randbytes(200_000)
        assert_sound(data)


def test_a_killed_edit_keeps_no_sweep_waiting(tmp_path: Path) -> None:
    with store.create(tmp_path / "s") as data:
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW_EDIT, tmp_path / "s"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.kill()
        process.communicate()
        data.sweep(data.plan_gc(), patience_seconds=0)
        assert_sound(data)
