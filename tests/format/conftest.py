"""A closed store with files of every size, for programs that read it without us."""

from __future__ import annotations

from pathlib import Path

import pytest

import store
from store.testing.strategies import pseudo_random

FILES = {
    "7-31-16": b"date,trips\n",
    "empty": b"",
    "deep/er/text": b"word " * 1000,
    "deep/large": pseudo_random(1, 1_500_000),
    "deep/compressible": b"0123456789" * 40_000,
    **{f"many/{number}": b"%d" % number for number in range(700)},
}
"""What the store's repo `trips` holds at the head of `master`, beside RENAMED."""
RENAMED = pseudo_random(2, 400_000)
"""At first in `before`, at the head in `deep/renamed`."""


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """The files of `a_store`."""
    return FILES | {"deep/renamed": RENAMED}


@pytest.fixture(scope="session")
def a_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the store."""
    path = tmp_path_factory.mktemp("format") / "store"
    with store.create(path) as data:
        trips = data.create_repo("trips")
        for message in ("first", "second"):
            with trips.edit(message=message) as edit:
                for name, content in FILES.items():
                    edit.write(name, content if message == "second" else content[:10])
                if message == "first":
                    edit.write("before", RENAMED)
                else:
                    edit.graft("deep/renamed", trips.commit().entry("before"))
                    edit.remove("before")
    return path
