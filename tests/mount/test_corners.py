"""Corners of POSIX through a real mount: a plain directory says what is right."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

import store
from pfsfuse.testing.corners import CORNERS, ending
from pfsfuse.testing.mounted import mounted
from pfsfuse.testing.posix import lay_out

_numbers = count()


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A branch that is written to through one mount for all rows, each in a directory of its own."""
    where = tmp_path_factory.mktemp("corners")
    with store.create(where / "store") as opened:
        opened.create_repo("trips")
    with mounted(where / "store", where / "pfs", "--writable") as mount:
        yield mount.path / "trips"


@pytest.mark.parametrize("name", CORNERS)
def test_a_call_ends_on_a_branch_as_it_does_in_a_plain_directory(branch, tmp_path, name):
    ours = branch / f"{next(_numbers)}"
    for directory in (ours, tmp_path):
        directory.mkdir(exist_ok=True)
        lay_out(directory)
    assert ending(CORNERS[name], ours) == ending(CORNERS[name], tmp_path)
