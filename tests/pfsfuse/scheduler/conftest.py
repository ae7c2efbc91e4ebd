"""A store with two repos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import store as storage
from store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with storage.create(tmp_path / "store") as opened:
        for name in ("run", "logs", "scratch"):
            (opened.path / name).mkdir(exist_ok=True)
        for name in ("trips", "weather"):
            opened.create_repo(name)
        yield opened
