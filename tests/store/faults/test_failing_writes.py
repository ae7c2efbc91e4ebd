"""Each call that changes a store's files fails once: nothing is lost, the error is ours, and life goes on.

A shim is compiled and preloaded, which lets the n-th call fail (or write half), for every n there is.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.testing.invariants import assert_sound

HERE = Path(__file__).parent
FULL, BROKEN, HALF = errno.ENOSPC, errno.EIO, 0
"""How a call fails; the last: it writes the first half of what it was given."""


def run(shim: Path, directory: Path, operation: str, kind: int) -> tuple[int, set[str]]:
    """How many calls failed, and which errors came of it."""
    done = subprocess.run(
        [sys.executable, HERE / "operations.py", directory, operation, str(kind)],
        env=os.environ | {"LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    calls, *errors = done.stdout.split()
    return int(calls), {word.partition("=")[0] for word in errors if not word.endswith("=0")}


@pytest.mark.parametrize("operation", ["shelve", "put"])
@pytest.mark.parametrize("kind", [FULL, BROKEN, HALF])
def test_a_call_that_fails_loses_nothing_and_is_told_for_what_it_is(shim, tmp_path, operation, kind):
    calls, errors = run(shim, tmp_path, operation, kind)
    assert calls >= 4
    assert errors == ({"Full"} if kind == FULL else {"NotWritable"})


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["merge", "collect", "compact"])
@pytest.mark.parametrize("kind", [FULL, BROKEN, HALF])
def test_neither_does_one_in_the_midst_of_a_merge_or_a_collection(shim, tmp_path, operation, kind):
    calls, errors = run(shim, tmp_path, operation, kind)
    assert calls >= 10
    assert errors - {"nothing"} == ({"Full"} if kind == FULL else {"NotWritable"})


@pytest.mark.parametrize("operation", ["open", "create"])
@pytest.mark.parametrize("kind", [FULL, BROKEN, HALF])
def test_a_store_that_could_not_be_made_or_opened_is_at_the_next_try(shim, tmp_path, operation, kind):
    calls, errors = run(shim, tmp_path, operation, kind)
    assert calls >= 3 and errors <= {"Full", "NotWritable"}


def test_a_limit_on_the_size_of_files_is_an_error_and_what_is_there_stays(tmp_path):
    program = """
import os, resource, sys, store
with store.create(sys.argv[1]) as data:
    trips = data.create_repo("trips")
    with trips.edit() as edit:
        edit.write("a", b"1")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    try:
        with trips.edit() as edit:
            edit.write("large", os.urandom(3 << 20))
    except store.NotWritable as error:
        print("ulimit -f" in str(error), trips.head().read("a"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with trips.edit() as edit:
        edit.write("large", os.urandom(3 << 20))
    print(trips.head().depth, data.check(read_data=True).problems)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "s"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True b'1'\n2 ()\n", "")


WRITER = """
import os, resource, sys, store
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with store.open(path) as data:
    if name == "ada":
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, resource.RLIM_INFINITY))
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        try:
            data.shelf(name).put(b"%d" % number, os.urandom((4 << 20) if name == "ada" else 5_000))
        except store.NotWritable:
            print("failed")
"""


def test_what_a_write_that_failed_gives_back_is_nothing_of_what_another_process_wrote(data, race):
    """Between the failure and the end of the file another one may commit behind it."""
    failed, _ = race(WRITER, 12)
    assert failed == ["failed"] * 12
    assert len(list(data.shelf("bob").iter())) == 12
    assert (data.path / "data.mdb").stat().st_size < 2 << 20
    assert_sound(data)


def test_a_command_that_meets_a_failing_disk_says_so_in_one_line(shim, tmp_path):
    """The shim fails on the first call, whichever it is, of a process that arms it at its start."""
    program = (
        "import ctypes, sys\nfrom pfsfuse.cli.main import main\n"
        "ctypes.CDLL(None).fault_arm(ctypes.c_long(int(sys.argv[1])), int(sys.argv[2]))\nmain(sys.argv[3:])"
    )
    surroundings = os.environ | {
        "LD_PRELOAD": str(shim),
        "PFS_STORE": str(tmp_path / "s"),
        "HOME": str(tmp_path),
    }

    def pfs(at: int, kind: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, str(at), str(kind), *arguments],
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    assert pfs(0, 0, "repo", "create", "trips").returncode == 0
    for kind, code, text in ((FULL, 8, "no space left"), (BROKEN, 6, "input/output error")):
        for at in (1, 2, 3):
            done = pfs(at, kind, "put", __file__, "trips")
            assert done.returncode == code and text in done.stderr
            assert done.stderr.startswith("pfs: error: ") and done.stderr.count("\n") == 1
    assert pfs(0, 0, "put", __file__, "trips").returncode == 0
    assert pfs(0, 0, "store", "check", "--read-data").returncode == 0
