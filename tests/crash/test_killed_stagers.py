"""kill -9 of whoever stages, commits repos together and squashes: nothing acknowledged is lost, nothing is halved.

The number of kills and the seed of their moments come from the environment, as for the writers.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import store
from store.testing.invariants import assert_sound

STAGER = """
import itertools, random, sys, store
path, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
with store.open(path) as data:
    trips, weather, log = (data.repo(name) for name in ("trips", "weather", "log"))
    print("ready", flush=True)
    for number in itertools.count():
        name = f"{seed}/{number}"
        for repo in (trips, weather):
            with repo.stage() as staged:
                staged.write(name, rng.randbytes(rng.randrange(2_000)))
        with log.edit() as edit:
            edit.write(name, b"1")
        print(name, flush=True)
        if rng.random() < 0.4:
            assert all(done.changed for done in data.commit_drafts("trips", "weather"))
            print("committed", flush=True)
        if rng.random() < 0.2 and log.head().depth > 3:
            log.squash("master", None, log.commit("master.3"))
"""
KILLS = int(os.environ.get("CRASH_KILLS", "10"))
SEED = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))


def names(found: store.Commit | store.Draft | None) -> set[str]:
    walked = () if found is None else found.walk()
    return {path.decode() for path, entry in walked if entry.is_file}


@pytest.mark.timeout(600)
def test_a_stager_killed_at_any_moment_loses_nothing_and_halves_nothing(tmp_path: Path) -> None:
    print(f"CRASH_SEED={SEED}")
    rng = random.Random(SEED)
    path = tmp_path / "store"
    with store.create(path) as data:
        for name in ("trips", "weather", "log"):
            data.create_repo(name)
    acknowledged: set[str] = set()
    committed = 0
    for kill in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", STAGER, path, str(SEED + kill)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        # The first lives until it has committed, so that there is something to lose however slow the machine is.
        heard = iter(process.stdout.readline, "committed\n") if kill == 0 else ()
        early = [line.rstrip("\n") for line in heard if line or pytest.fail("the stager ended by itself")]
        try:
            process.wait(rng.uniform(0, 0.3))
        except subprocess.TimeoutExpired:
            process.kill()
        printed = [*early, *process.communicate(timeout=200)[0].splitlines()]
        assert process.returncode == -9, "the stager ended by itself"
        acknowledged |= {line for line in printed if "/" in line}
        with store.open(path) as data:
            assert_sound(data)
            trips, weather, log = (data.repo(name) for name in ("trips", "weather", "log"))
            for repo in (trips, weather):
                standing = repo.standing()
                assert acknowledged <= names(standing.draft or standing.head)
                assert standing.draft is None or standing.draft.base == (standing.head and standing.head.id)
            pairs = [[commit.id for commit in repo.log()] for repo in (trips, weather)]
            assert pairs[0] == pairs[1], "a commit of one repo came without that of the other"
            assert acknowledged <= names(log.head())
            committed = len(pairs[0])
    assert committed and acknowledged, "no stager lived long enough"
