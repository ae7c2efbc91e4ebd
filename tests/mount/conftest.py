"""A store and a place to mount it, in the test's own directory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import Mounted, mounted
from store import Repo, Store

NUMBERS = count()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    """An empty store, open in the test's process: whatever it writes is another process's doing to the mount."""
    with store.create(tmp_path / "store") as created:
        yield created


@pytest.fixture
def mountpoint(tmp_path: Path) -> Path:
    return tmp_path / "pfs"


@pytest.fixture(scope="module")
def options() -> tuple[str, ...]:
    """How the mount that a module's tests share is mounted."""
    return ("--writable",)


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...]
) -> Iterator[tuple[Store, Mounted]]:
    """A store and a mount of it for all tests of a module, each with a repo of its own."""
    directory = tmp_path_factory.mktemp("shared")
    with (
        store.create(directory / "store") as created,
        mounted(created.path, directory / "pfs", *options) as mount,
    ):
        yield created, mount


@pytest.fixture
def mount(shared: tuple[Store, Mounted]) -> Mounted:
    return shared[1]


@pytest.fixture
def trips(shared: tuple[Store, Mounted]) -> Repo:
    """A repo of the test's own, without a commit."""
    return shared[0].create_repo(f"trips{next(NUMBERS)}")


@pytest.fixture
def branch(trips: Repo, mount: Mounted) -> Path:
    """Its default branch, in the mount."""
    return mount.path / trips.name
