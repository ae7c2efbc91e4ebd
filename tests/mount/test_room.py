"""fallocate(2) through a mount, as programs and fallocate(1) ask for it: a plain directory says what is right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import Mounted
from pfsfuse.testing.posix import outcome
from pfsfuse.worktree.room import KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, fallocate
from store import Repo

pytestmark = pytest.mark.usefixtures("fuse")

COLLAPSE_RANGE, INSERT_RANGE, UNSHARE_RANGE = 8, 32, 64
BLOCK = 4096
LARGE = bytes(range(1, 256)) * 12_000
"""Shows through instead of being copied."""

ASKED = {
    "room": 0,
    "room beyond the end that is not counted": KEEP_SIZE,
    "a hole": PUNCH_HOLE | KEEP_SIZE,
    "zeros": ZERO_RANGE,
    "zeros that leave the size": ZERO_RANGE | KEEP_SIZE,
}
RANGES = {
    "whole blocks": (10 * BLOCK, 20 * BLOCK),
    "parts of blocks": (10 * BLOCK + 1, 20 * BLOCK),
    "over the end": (len(LARGE) - 5000, 10 * BLOCK),
    "beyond the end": (len(LARGE) + 100, 3 * BLOCK),
}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    with open(tmp_path / "large", "wb") as file:
        file.write(LARGE)
    return tmp_path


@pytest.fixture
def committed(trips: Repo, mount: Mounted, branch: Path) -> Path:
    """A branch with the same file in its commit."""
    with trips.edit() as edit:
        edit.write("large", LARGE)
    mount.refresh()
    return branch


def ask(directory: Path, mode: int, start: int, length: int) -> str:
    def call(path: Path) -> None:
        with open(path, "r+b") as file:
            fallocate(file.fileno(), mode, start, length)

    return outcome(call, directory / "large")


@pytest.mark.parametrize("place", RANGES)
@pytest.mark.parametrize("asked", ASKED)
def test_what_is_asked_for_is_done_to_a_file_of_the_store_and_to_one_that_was_written(
    asked: str, place: str, plain: Path, committed: Path, trips: Repo, mount: Mounted
) -> None:
    start, length = RANGES[place]
    if (expected := ask(plain, ASKED[asked], start, length)) == "ENOTSUP":
        pytest.skip("the disk here does not know it")
    right = (plain / "large").read_bytes()
    assert ask(committed, ASKED[asked], start, length) == expected
    assert (committed / "large").read_bytes() == right
    (committed / "again").write_bytes(LARGE)
    os.rename(committed / "again", committed / "large")
    assert ask(committed, ASKED[asked], start, length) == expected
    assert (committed / "large").read_bytes() == right
    mount.stage()
    (found,) = trips.drafts() or [trips.commit("master")]  # there is none when nothing was changed
    assert found.read("large") == right


@pytest.mark.parametrize(
    "mode", [COLLAPSE_RANGE, INSERT_RANGE, UNSHARE_RANGE, PUNCH_HOLE, ZERO_RANGE | PUNCH_HOLE]
)
def test_other_manners_are_refused_and_leave_the_file_as_it_is(mode: int, committed: Path) -> None:
    assert ask(committed, mode, 0, BLOCK) == "ENOTSUP"
    assert (committed / "large").read_bytes() == LARGE


def test_room_in_a_commit_is_refused(trips: Repo, mount: Mounted, committed: Path) -> None:
    def call(path: Path) -> None:
        with open(path, "rb") as file:
            fallocate(file.fileno(), 0, 0, BLOCK)

    assert (
        outcome(call, mount.path / f"{trips.name}@master.1" / "large") == "EBADF"
    )  # it is not open for writing


def test_a_hole_gives_room_back(committed: Path) -> None:
    (committed / "new").write_bytes(LARGE)
    with open(committed / "new", "r+b") as file:
        os.fsync(file.fileno())
        fallocate(file.fileno(), PUNCH_HOLE | KEEP_SIZE, 0, 500 * BLOCK)
        assert os.lseek(file.fileno(), 0, os.SEEK_DATA) >= 500 * BLOCK
        assert os.fstat(file.fileno()).st_size == len(LARGE)
