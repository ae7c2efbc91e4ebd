"""The map of the data file grows by itself, whoever else is at work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from store.engine import Environment
from store.store import Store
from store.testing.invariants import assert_sound

SMALL = 1 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    """A store whose map is just large enough to begin with."""
    store.create(tmp_path / "s").close()
    with Store(tmp_path / "s", Environment(tmp_path / "s", map_size=SMALL)) as data:
        data.create_repo("trips")
        yield data


def put(data: Store, number: int, size: int = 300_000) -> None:
    with data.repo("trips").edit() as edit:
        edit.write(f"{number}", os.urandom(size))


def test_a_map_that_is_full_grows(small):
    for number in range(30):
        put(small, number)
    assert small.repo("trips").head().depth == 30
    assert_sound(small)


def test_it_grows_beside_threads_that_never_stop_reading(small):
    put(small, 0)
    done = threading.Event()
    sizes: set[int] = set()

    def read() -> None:
        while not done.is_set():
            head = small.repo("trips").head()
            sizes.add(len(head.read("0")) if head is not None else 0)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 25):
        put(small, number)
    done.set()
    for reader in readers:
        reader.join()
    assert sizes == {300_000} and small.repo("trips").head().depth == 25


def test_a_map_that_another_process_has_grown_is_adopted(small):
    program = (
        "import sys, os, store\n"
        "with store.open(sys.argv[1]) as data:\n"
        "    for number in range(20):\n"
        "        with data.repo('trips').edit() as edit: edit.write(f'other {number}', os.urandom(300_000))\n"
    )
    put(small, 0)
    subprocess.run([sys.executable, "-c", program, small.path], check=True, timeout=200)
    head = small.repo("trips").head()
    assert head.depth == 21 and len(head.read("other 19")) == 300_000
    put(small, 1)
    assert small.repo("trips").head().depth == 22
    assert_sound(small)


def ran(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    """How `program` ends in a process of its own, which is given `path`."""
    command = [sys.executable, "-c", program, path]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


def test_a_store_opens_where_address_space_is_scarce(tmp_path):
    program = (
        "import resource, sys, store\n"
        "resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))\n"
        "with store.open_or_create(sys.argv[1]) as data:\n"
        "    with data.create_repo('trips').edit() as edit: edit.write('a', b'1')\n"
        "    print(data.resolve_commit('trips').read('a'))\n"
    )
    done = ran(program, tmp_path / "s")
    assert (done.stdout, done.stderr) == ("b'1'\n", "")


def test_a_store_for_which_there_is_no_address_space_is_not_called_damaged(tmp_path):
    program = (
        "import resource, sys, store\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n"
        "try: store.open_or_create(sys.argv[1])\n"
        "except store.NotWritable as error: print('ulimit -v' in str(error), error.hint())\n"
    )
    done = ran(program, tmp_path / "s")
    assert (done.stdout, done.stderr) == ("True raise that limit, and repeat the command\n", "")


def test_a_map_that_cannot_grow_is_an_error_and_what_is_there_stays_readable(tmp_path):
    program = """
import os, resource, sys, store
from pathlib import Path
from store.engine import Environment
from store.store import Store
path = Path(sys.argv[1])
store.create(path).close()
with Store(path, Environment(path, map_size=1 << 20)) as data:
    repo = data.create_repo("trips")
    with repo.edit() as edit:
        edit.write("first", os.urandom(200_000))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20), used + (300 << 20)))
    kept = 0
    try:
        with repo.edit() as edit:
            while True:
                edit.write(f"{kept}", os.urandom(8 << 20))
                kept += 1
    except store.NotWritable as error:
        print("ulimit -v" in str(error), kept > 4)
    print(len(repo.head().read("first")))
"""
    done = ran(program, tmp_path / "s")
    assert (done.stdout, done.stderr) == ("True True\n200000\n", "")
