"""Many readers at once: none waits, the dead leave no trace, and too many is an error that says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from store.engine import Writing
from store.engine.failures import MAX_READERS

CROWD = """
import lmdb, sys, store
with store.open(sys.argv[1]) as data:
    kept = []
    try:
        while len(kept) < int(sys.argv[2]):
            kept.append(data._env._begin(write=False))
    except lmdb.ReadersFullError:
        pass
    print("reading", flush=True)
    sys.stdin.read()
"""
READ = (
    "import sys, store\nwith store.open(sys.argv[1]) as data: print(data.resolve_commit('trips').read('a'))"
)


@pytest.fixture
def crowd(data: store.Store, trips: store.Repo) -> Iterator[subprocess.Popen[str]]:
    """A process with as many transactions open as there are places; this one's store is closed."""
    with trips.edit() as edit:
        edit.write("a", b"1")
    data.close()
    process = subprocess.Popen(
        [sys.executable, "-c", CROWD, data.path, "10000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "reading\n"
    yield process
    process.kill()
    process.communicate(timeout=200)


def read(path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={"PFS_STORE": str(path)},
    )


def test_one_reader_too_many_is_told_so(data, crowd):
    with pytest.raises(store.InUse, match="more than 1024 transactions at once") as caught:
        store.open(data.path)
    assert "end some" in caught.value.hint()
    done = read(data.path, "-m", "pfsfuse.cli", "ls", "trips")
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)
    assert "1024 transactions at once" in done.stderr


def test_places_of_readers_that_were_killed_are_used_again(data, crowd):
    crowd.kill()
    crowd.communicate(timeout=200)
    done = read(data.path, "-c", READ, str(data.path))
    assert (done.stdout, done.stderr) == ("b'1'\n", "")


def test_places_of_readers_that_are_killed_later_are_found_when_they_are_needed(data, trips):
    """The store stays open all the time, so that no opening clears the table."""
    with trips.edit() as edit:
        edit.write("a", b"1")
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", CROWD, data.path, str(MAX_READERS - 10)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stdout.readline() == "reading\n"
        process.kill()
        process.communicate(timeout=200)
    many = [data._env._begin(write=False) for _ in range(40)]
    assert len({txn.id() for txn in many}) == 1
    for txn in many:
        txn.abort()


def test_a_writer_at_work_keeps_no_reader_waiting(data, trips):
    """Reads and openings happen inside another one's write transaction: they could not end if they waited for it."""
    with trips.edit() as edit:
        edit.write("a", b"1")

    def work(writing: Writing) -> list[str]:
        writing.put(b"shelves", b"shelf\0key", b"not committed yet")
        return [read(data.path, "-c", READ, str(data.path)).stdout for _ in range(3)]

    assert data._env.write(work) == ["b'1'\n"] * 3
