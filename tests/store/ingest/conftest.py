"""Directories of the host to put, and what is seen of their being put."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import store

_listening: list[list[bytes]] = []


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _listening and isinstance(arguments[0], bytes):
        for heard in _listening:
            heard.append(arguments[0])


sys.addaudithook(_hear)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty directory of the host."""
    root = tmp_path / "source"
    root.mkdir()
    return root


@pytest.fixture
def repo(data: store.Store) -> store.Repo:
    """A repo for what is put."""
    return data.create_repo("put")


@pytest.fixture
def aged() -> Callable[[Path], None]:
    """Waits until what is in a directory has stayed as it is long enough to be trusted."""

    def wait(root: Path) -> None:
        found = (os.path.join(at, name) for at, below, names in os.walk(root) for name in [*below, *names])
        youngest = max(os.lstat(path).st_ctime_ns for path in found)
        probe = root.parent / "clock"
        while not (probe.exists() and probe.stat().st_ctime_ns > youngest + 40_000_000):
            probe.write_bytes(b"")

    return wait


@pytest.fixture
def opening() -> Callable[[], object]:
    """A context in which the names of all files that this process opens by bytes are noted, as a list."""

    @contextmanager
    def listen() -> Iterator[list[bytes]]:
        heard: list[bytes] = []
        _listening.append(heard)
        try:
            yield heard
        finally:
            _listening.remove(heard)

    return listen
