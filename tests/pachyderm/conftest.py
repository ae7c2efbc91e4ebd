"""One store for the rows of a module; `rows.py` says what a row is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import store as storage
from store import Store


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store."""
    with storage.create(tmp_path_factory.mktemp("pachyderm") / "store") as opened:
        yield opened
