"""A store for each test."""

from __future__ import annotations

from collections.abc import Iterator
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
