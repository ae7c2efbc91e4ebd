"""Writers killed at random moments: what was acknowledged is there, and the store is sound.

A writer prints the id of each commit after it was made; whatever it printed must survive. The seed is printed by
pytest when the test fails, and `CRASH_SEED` repeats it; `CRASH_KILLS` sets how many are killed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import store
from store.ids import CommitId
from store.testing.invariants import assert_sound

WRITER = """
import itertools, os, random, sys, store
path, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
with store.open_or_create(path) as data:
    trips = data.find_repo("trips") or data.create_repo("trips")
    print("ready", flush=True)
    for number in itertools.count():
        with trips.edit(rng.choice(("master", "dev")), message=f"{seed} {number}") as edit:
            for _ in range(rng.randrange(1, 20)):
                edit.write(f"{seed}/{rng.randrange(400)}", rng.randbytes(rng.randrange(2_000)))
            edit.write("large", rng.randbytes(rng.choice((0, 50_000, 3_000_000))))
            edit.write("same", b"always the same " * 2_000)
        data.shelf("acknowledged").put(str(edit.result.id).encode(), b"")
        print(edit.result.id, flush=True)
"""
KILLS = int(os.environ.get("CRASH_KILLS", "30"))
SEED = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))


def run_and_kill(path: Path, seed: int, after: float) -> list[CommitId]:
    """Start a writer, kill it so many seconds after it was ready; what it acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, path, str(seed)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    ready = writer.stdout.readline()
    try:
        writer.wait(after)
    except subprocess.TimeoutExpired:
        writer.kill()
    printed = writer.communicate(timeout=30)[0].splitlines()
    assert ready == "ready\n" and writer.returncode == -9, f"the writer ended by itself: {printed}"
    return [CommitId.parse(line) for line in printed if len(line) == 32]


def check(path: Path, acknowledged: list[CommitId]) -> None:
    with store.open(path) as data:
        assert_sound(data)
        trips = data.repo("trips")
        there = {commit.id for branch in trips.branches() for commit in trips.log(branch.name)}
        assert set(acknowledged) <= there
        assert {CommitId.parse(key.decode()) for key, _ in data.shelf("acknowledged").iter()} <= there
        for branch in trips.branches():
            for path_, entry in trips.commit(branch.name).walk() if branch.head else ():
                assert entry.is_dir or len(trips.commit(branch.name).read(path_)) == entry.size


@pytest.mark.timeout(600)
def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(tmp_path):
    print(f"CRASH_SEED={SEED}")
    rng = random.Random(SEED)
    acknowledged: list[CommitId] = []
    for kill in range(KILLS):
        path = tmp_path / f"store{kill // 10}"
        if kill % 10 == 0:
            acknowledged = []
        acknowledged += run_and_kill(path, SEED + kill, rng.uniform(0, 0.25))
        check(path, acknowledged)
    assert acknowledged, "no writer lived long enough to acknowledge anything"


def test_two_writers_killed_at_once_leave_the_lock_to_the_next(tmp_path):
    print(f"CRASH_SEED={SEED}")
    path = tmp_path / "store"
    with store.create(path) as data:
        data.create_repo("trips")
    command = [sys.executable, "-c", WRITER, path]
    pair = [subprocess.Popen([*command, str(SEED + n)], stdout=subprocess.PIPE, text=True) for n in range(2)]
    for writer in pair:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        assert len(writer.stdout.readline()) == 33
    for writer in pair:
        writer.kill()
    printed = [line for writer in pair for line in writer.communicate(timeout=30)[0].splitlines()]
    check(path, [CommitId.parse(line) for line in printed if len(line) == 32])
    with store.open(path) as data, data.repo("trips").edit() as edit:
        edit.write("after", b"1")
    check(path, [edit.result.id] if edit.result else [])


def test_a_process_killed_while_it_makes_a_store_leaves_room_for_the_next(tmp_path):
    maker = (
        "import sys, store\nprint('go', flush=True)\nstore.open_or_create(sys.argv[1]).create_repo('trips')"
    )
    rng = random.Random(SEED)
    for number in range(8):
        path = tmp_path / f"store{number}"
        process = subprocess.Popen([sys.executable, "-c", maker, path], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        try:
            process.wait(rng.uniform(0, 0.015))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate(timeout=30)
        with store.open_or_create(path) as data:
            assert_sound(data)
            assert {repo.name for repo in data.repos()} <= {"trips"}
