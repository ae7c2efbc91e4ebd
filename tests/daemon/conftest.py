"""Real daemons on temporary stores, and the check that nothing of them is left."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import store as storage
from pfsfuse.config import Config
from pfsfuse.control import client
from pfsfuse.fuse.mountinfo import mount_at
from store import Store
from tests.ports import free_port


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(store=tmp_path / "store", mountpoint=tmp_path / "pfs", color=False)


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    """A store with two commits in `trips`."""
    with storage.create(config.store) as opened:
        trips = opened.create_repo("trips")
        for day in ("7-01-16", "7-02-16"):
            with trips.edit(message=day) as edit:
                edit.write(day, f"{day},39665\n".encode())
        yield opened


@pytest.fixture(autouse=True)
def nothing_is_left(config: Config) -> Iterator[None]:
    """Ends the daemons of this test's store; then no process speaks of the store, and nothing is mounted."""
    yield
    for daemon in client.daemons(config.store, timeout_seconds=60):
        client.stop(config.store, daemon.pid)
    assert mount_at(config.mountpoint) is None
    assert wait_for(lambda: not processes(config.store)), [command(pid) for pid in processes(config.store)]


@pytest.fixture
def port() -> int:
    return free_port()


def wait_for(condition: Callable[[], object], seconds: float = 100.0) -> bool:
    """Whether it comes true in time; for what happens in processes that are not ours to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., bool]:
    return wait_for


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def processes(text: Path | str) -> list[int]:
    """Processes other than this one with `text` in their command line."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [pid for pid in pids if pid != os.getpid() and str(text) in command(pid)]


@pytest.fixture(name="command_lines")
def command_lines_fixture() -> Callable[[str], list[int]]:
    """Gives the processes that have a text in their command line."""
    return processes


@pytest.fixture(name="processes")
def processes_fixture(config: Config) -> Callable[[], list[int]]:
    """Gives the processes that work on this test's store: daemon, workers, sandboxes."""
    return lambda: processes(config.store)
