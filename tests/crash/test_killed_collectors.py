"""kill -9 of a collector at random moments: nothing alive is lost, and the next sweep gives the space back.

The number of kills and the seed of their moments come from the environment, as for the writers.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import store
from store.testing.invariants import assert_sound

COLLECTOR = """
import sys, store, store.engine.compact, store.gc
store.gc.BATCH = 2  # more moments between two transactions
store.engine.compact.HOLD_SECONDS = 0.001
with store.open(sys.argv[1]) as data:
    print("ready", flush=True)
    swept = data.sweep(data.plan_gc())
    data.compact()
    print("swept", swept.dropped, flush=True)
"""
KILLS = int(os.environ.get("CRASH_KILLS", "20"))
SEED = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))


def fill(data: store.Store, seed: int) -> None:
    """A repo that stays, and one with much the same that goes."""
    kept = data.find_repo("kept") or data.create_repo("kept")
    doomed = data.create_repo("doomed")
    for repo, step in ((kept, 7), (doomed, 1)):
        with repo.edit(message=str(seed)) as edit:
            for number in range(0, 300, step):
                edit.write(f"{seed}/{number}", random.Random(f"{seed} {number}").randbytes(3_000))
            edit.write(f"{seed}/large", random.Random(f"{seed} {step}").randbytes(2_000_000))
    data.delete_repo("doomed")


def whole(data: store.Store) -> dict[bytes, bytes]:
    commit = data.repo("kept").commit()
    return {path: commit.read(path) for path, entry in commit.walk() if entry.is_file}


def duration(path: Path) -> float:
    """How long a collector works here when nobody kills it."""
    with subprocess.Popen(
        [sys.executable, "-c", COLLECTOR, path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        start = time.monotonic()
        assert process.stdout.readline().startswith("swept ")
        return time.monotonic() - start


@pytest.mark.timeout(600)
def test_a_collector_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    print(f"CRASH_SEED={SEED}")
    rng = random.Random(SEED)
    path = tmp_path / "store"
    with store.create(path) as data:
        fill(data, 0)
    longest = duration(path)
    killed = 0
    for seed in range(1, KILLS + 1):
        with store.open(path) as data:
            fill(data, seed)
            expected = whole(data)
        process = subprocess.Popen([sys.executable, "-c", COLLECTOR, path], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        start = time.monotonic()
        try:
            process.wait(rng.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.kill()
        else:
            longest = time.monotonic() - start  # quicker than the one that was measured, on a busier machine
        killed += "swept" not in process.communicate(timeout=200)[0]
        with store.open(path) as data:
            assert_sound(data)
            assert whole(data) == expected
    assert killed > KILLS // 3
    with store.open(path) as data:
        for _ in range(2):  # the last segment stays at the first, which may put another behind it
            data.sweep(data.plan_gc())
        again = data.plan_gc()
        assert (again.drop, again.freed) == (0, 0)
        assert whole(data) == expected
