"""A writer that stops in the middle of a transaction, as a suspended laptop or a debugger stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from store.testing.invariants import assert_sound

HOLDER = """
import os, signal, sys, store
with store.open(sys.argv[1]) as data:
    def work(writing):
        print("holding", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    data._env.write(work)
    print("ended", flush=True)
"""
WRITER = """
import sys, store
with store.open(sys.argv[1]) as data:
    print("open", flush=True)
    with data.repo("trips").edit() as edit:
        edit.write("b", b"2")
    print(edit.result.id, flush=True)
"""


def start(program: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def holder(data: store.Store) -> Iterator[subprocess.Popen[str]]:
    """A process that stands still while it holds the lock of writers."""
    with data.create_repo("trips").edit() as edit:
        edit.write("a", b"1")
    process = start(HOLDER, data.path)
    assert process.stdout is not None and process.stdout.readline() == "holding\n"
    # SIGSTOP takes effect before the signal is asked for by anyone else: waitid tells when it has.
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    yield process
    process.kill()
    process.communicate(timeout=200)


@pytest.mark.parametrize("ending", [signal.SIGCONT, signal.SIGKILL])
def test_other_writers_wait_for_a_stopped_one_and_go_on_when_it_does_or_dies(data, holder, ending):
    waiting = start(WRITER, data.path)
    assert waiting.stdout is not None and waiting.stdout.readline() == "open\n"
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.3)
    holder.send_signal(ending)
    assert len(waiting.communicate(timeout=200)[0]) == 33 and waiting.returncode == 0
    assert data.repo("trips").head().read("b") == b"2"
    assert_sound(data)


@pytest.mark.usefixtures("holder")
def test_readers_read_and_open_beside_a_stopped_writer(data):
    assert data.repo("trips").head().read("a") == b"1"
    program = "import sys, store\nwith store.open(sys.argv[1]) as data: print(data.resolve_commit('trips').read('a'))"
    done = subprocess.run(
        [sys.executable, "-c", program, data.path], capture_output=True, timeout=200, check=True
    )
    assert done.stdout == b"b'1'\n"
