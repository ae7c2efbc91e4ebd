"""What a mount says about itself, below `.pfs`: one text from open to end, and never an old one."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import mounted

pytestmark = pytest.mark.usefixtures("fuse")


@pytest.fixture(scope="module", params=[(), ("--writable",)], ids=["read-only", "writable"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`.pfs/status` of a mount without opens, and of one with them."""
    where = tmp_path_factory.mktemp("texts")
    with (
        store.create(where / "store") as opened,
        mounted(opened.path, where / "pfs", *request.param) as mount,
    ):
        yield mount.path / ".pfs" / "status"


def looked_at_again(told: Path) -> bytes:
    """What another is told now: each look is counted in it. It may be shorter or longer than what was told before."""
    os.listdir(told.parent)
    return told.read_bytes()


def requests(text: bytes) -> object:
    return json.loads(text)["requests"]


def test_who_reads_slowly_and_in_pieces_reads_one_text_to_its_end(told: Path) -> None:
    with open(told, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        pieces = [file.read(7)]
        later = looked_at_again(told)
        while piece := file.read(11):
            pieces.append(piece)
            looked_at_again(told)
        text = b"".join(pieces)
        assert len(text) == size == os.fstat(file.fileno()).st_size
        assert requests(text) != requests(later)
        assert os.pread(file.fileno(), size, 0) == text


def test_two_who_have_it_open_read_each_their_own(told: Path) -> None:
    with open(told, "rb", buffering=0) as first:
        start = first.read(5)
        looked_at_again(told)
        with open(told, "rb") as second:
            later = second.read()
        assert requests(start + first.read()) != requests(later)


def test_all_texts_are_one_file_to_programs_that_compare_numbers(told: Path, tmp_path: Path) -> None:
    with open(told, "rb") as file:
        number = os.fstat(file.fileno()).st_ino
        assert requests(file.read()) != requests(looked_at_again(told))
        assert told.stat().st_ino == number
    listed = {entry.name: entry.inode() for entry in os.scandir(told.parent)}
    assert listed["status"] == number != listed["stats"]
    for _ in range(20):
        subprocess.run(["cp", told, tmp_path / "copy"], check=True, capture_output=True)
        json.loads((tmp_path / "copy").read_bytes())


def test_texts_that_nobody_has_open_any_more_are_forgotten(told: Path) -> None:
    for _ in range(100):
        told.read_bytes()
    # What is closed is forgotten after the program goes on; a mount that never forgets runs out of time here.
    while json.loads(told.read_bytes())["inodes"] >= 20:
        time.sleep(0.01)
