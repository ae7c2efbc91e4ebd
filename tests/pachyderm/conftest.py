"""What Pachyderm's own tests say, asked of this store: one store for each table.

Each row ends in `SAME`, or in why it is different on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import store as storage
from store import Store


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store of a table."""
    with storage.create(tmp_path_factory.mktemp("pachyderm") / "store") as opened:
        yield opened
