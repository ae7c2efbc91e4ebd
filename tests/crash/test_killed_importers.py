"""Imports killed at random moments: a bundle is imported whole or not at all, and importing it again helps."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import store
from store.testing.invariants import assert_sound
from store.testing.strategies import pseudo_random

IMPORTER = """
import sys, store
with store.open(sys.argv[1]) as data, open(sys.argv[2], "rb") as stream:
    print("ready", flush=True)
    data.import_bundle(stream)
    print("done", flush=True)
"""
KILLS = int(os.environ.get("CRASH_KILLS", "30"))
SEED = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))


def make_bundle(tmp_path: Path) -> tuple[Path, set[bytes]]:
    """A bundle of 40 commits, and their ids."""
    file = tmp_path / "bundle"
    with store.create(tmp_path / "here") as data:
        trips = data.create_repo("trips")
        for number in range(40):
            with trips.edit(message=str(number)) as edit:
                edit.write(f"large{number % 3}", pseudo_random(number, 1_000_000))
                for below in range(20):
                    edit.write(f"small/{number}/{below}", b"%d" % below)
        trips.create_tag("v1", trips.commit("master.20"))
        with file.open("wb") as stream:
            data.write_bundle(stream, ["trips"])
        return file, {commit.id for commit in trips.log()}


def test_an_import_killed_at_any_moment_is_whole_or_never_was(tmp_path):
    print(f"CRASH_SEED={SEED}")
    rng = random.Random(SEED)
    file, commits = make_bundle(tmp_path)
    there = tmp_path / "there"
    store.create(there).close()
    outcomes = []
    # The first at once: on a machine that imports faster than any other delay, one is killed all the same.
    for delay in (0.0, *(rng.uniform(0, 0.8) for _ in range(max(KILLS // 4, 1)))):
        command = [sys.executable, "-c", IMPORTER, there, file]
        importer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert importer.stdout is not None and importer.stdout.readline() == "ready\n"
        try:
            importer.wait(delay)
        except subprocess.TimeoutExpired:
            importer.kill()
        done = "done" in importer.communicate(timeout=200)[0]
        with store.open(there) as data:
            assert_sound(data)
            trips = data.find_repo("trips")
            found = set() if trips is None else {commit.id for commit in trips.log()}
            assert found == commits if done else found in (set(), commits)
            outcomes.append(bool(found))
            if found:
                assert trips is not None and [tag.name for tag in trips.tags()] == ["v1"]
                data.delete_repo("trips")
    with store.open(there) as data, file.open("rb") as stream:
        data.import_bundle(stream)
        assert {commit.id for commit in data.repo("trips").log()} == commits
        assert_sound(data)
    assert not all(outcomes), "no import was killed before its end"
