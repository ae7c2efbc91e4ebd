"""A store with a repo, in the test's own directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import store


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[store.Store]:
    with store.create(tmp_path / "store") as made:
        made.create_repo("trips")
        yield made
