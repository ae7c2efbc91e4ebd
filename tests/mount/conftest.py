"""A store and a place to mount it, in the test's own directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from store import Store


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    """An empty store, open in the test's process: whatever it writes is another process's doing to the mount."""
    with store.create(tmp_path / "store") as created:
        yield created


@pytest.fixture
def mountpoint(tmp_path: Path) -> Path:
    return tmp_path / "pfs"
