"""A store for each test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import store


@pytest.fixture
def data(tmp_path: Path) -> Iterator[store.Store]:
    """An empty store."""
    with store.create(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def trips(data: store.Store) -> store.Repo:
    """Its repo `trips`, without commits."""
    return data.create_repo("trips")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    """One store for all the examples that Hypothesis draws; only trees without names go into it."""
    with store.create(tmp_path_factory.mktemp("shared") / "data") as opened:
        yield opened


@pytest.fixture
def race(data: store.Store) -> Callable[[str, int], list[list[str]]]:
    """Run a script as two processes, `ada` and `bob`, that begin at once; what each has printed, in words.

    The script gets the store's path, its name and a count, prints `ready` and waits for a line.
    """

    def run(script: str, count: int) -> list[list[str]]:
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", script, data.path, name, str(count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in ("ada", "bob")
        ]
        for racer in racers:
            assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        printed = [racer.communicate(timeout=200)[0].split() for racer in racers]
        assert [racer.returncode for racer in racers] == [0, 0]
        return printed

    return run
