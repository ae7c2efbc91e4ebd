"""A store with a repo, and the file system that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from pfsfuse.filesystem import PfsFileSystem


@pytest.fixture
def data(tmp_path: Path) -> Iterator[store.Store]:
    """An open store with a repo `trips` of two commits: 7-01-16 and 2016/7-02-16, then 7-01-16 changed."""
    with store.create(tmp_path / "data") as opened:
        trips = opened.create_repo("trips")
        with trips.edit(message="first") as edit:
            edit.write("7-01-16", b"one\n")
            edit.write("2016/7-02-16", b"two\n", mtime_ns=10**18)
        with trips.edit(message="second") as edit:
            edit.write("7-01-16", b"three\n")
        yield opened


@pytest.fixture
def trips(data: store.Store) -> store.Repo:
    """Its repo."""
    return data["trips"]


@pytest.fixture
def fs(data: store.Store) -> Iterator[PfsFileSystem]:
    """The file system of the store."""
    yield PfsFileSystem(store=data.path)
    PfsFileSystem.clear_instance_cache()
