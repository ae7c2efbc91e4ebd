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
