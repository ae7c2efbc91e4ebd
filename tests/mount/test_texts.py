"""What a mount says about itself, below `.pfs`: one text from open to end, and never an old one."""

from __future__ import annotations

import json
import os
import subprocess
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


def moves_on(told: Path, text: bytes) -> bool:
    """After another has looked so often that what is told now is longer than `text`."""
    while len(told.read_bytes()) <= len(text):
        os.listdir(told.parent)
    return True


def test_who_reads_slowly_and_in_pieces_reads_one_text_to_its_end(told: Path) -> None:
    with open(told, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        pieces = [file.read(7)]
        assert moves_on(told, bytes(size))
        while piece := file.read(11):
            pieces.append(piece)
        text = b"".join(pieces)
        assert len(text) == size == os.fstat(file.fileno()).st_size
        assert json.loads(text)["pid"]
        assert os.pread(file.fileno(), size, 0) == text


def test_two_who_have_it_open_read_each_their_own(told: Path) -> None:
    with open(told, "rb", buffering=0) as first:
        start = first.read(5)
        assert moves_on(told, bytes(os.fstat(first.fileno()).st_size))
        with open(told, "rb") as second:
            later = second.read()
        assert len(start + first.read()) < len(later)


def test_all_texts_are_one_file_to_programs_that_compare_numbers(told: Path, tmp_path: Path) -> None:
    with open(told, "rb") as file:
        number = os.fstat(file.fileno()).st_ino
        assert moves_on(told, file.read())
        assert told.stat().st_ino == number
    listed = {entry.name: entry.inode() for entry in os.scandir(told.parent)}
    assert listed["status"] == number != listed["stats"]
    for _ in range(20):
        subprocess.run(["cp", told, tmp_path / "copy"], check=True, capture_output=True)
        json.loads((tmp_path / "copy").read_bytes())


def test_texts_that_nobody_has_open_any_more_are_forgotten(told: Path) -> None:
    for _ in range(100):
        text = json.loads(told.read_bytes())
    assert text["inodes"] < 20
