"""A store in the test's own directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from store import Store


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    with store.create(tmp_path / "store") as created:
        yield created
