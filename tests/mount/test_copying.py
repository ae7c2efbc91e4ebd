"""Copies within a mount, and where files have data: what cp, and others, ask the kernel for."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import Mounted, mounted
from store import Repo

pytestmark = pytest.mark.usefixtures("fuse")

LARGE = os.urandom(3 << 20)


@pytest.fixture
def trips(trips: Repo, mount: Mounted) -> Repo:
    """The same, with a commit."""
    with trips.edit(message="one") as edit:
        edit.write("large", LARGE)
        edit.write("below/small", b"small")
    mount.refresh()
    return trips


def copy(source: Path, target: Path, *, start: int = 0, at: int = 0, length: int = 1 << 30) -> int:
    """One call of copy_file_range(2); how many bytes that copied."""
    with open(source, "rb") as reading, open(target, "r+b" if target.exists() else "w+b") as writing:
        return os.copy_file_range(reading.fileno(), writing.fileno(), length, start, at)


@pytest.mark.parametrize("path", ["large", "below/small"])
def test_a_whole_file_of_a_commit_or_branch_is_copied_without_reading_or_writing_it(
    trips: Repo, mount: Mounted, branch: Path, path: str
) -> None:
    for place in (mount.path / f"{trips.name}@master.1", branch):
        before = mount.requests()
        target = branch / f"copy of {place.name}"
        assert copy(place / path, target) == len((place / path).read_bytes())
        after = mount.requests()
        assert after["write"] == before["write"]
        assert target.read_bytes() == (branch / path).read_bytes()
    mount.stage()
    names = {entry.name: entry.content for entry in trips.drafts()[0].list()}
    assert names[b"copy of " + trips.name.encode()] == trips.commit("master").entry(path).content


def test_a_copy_is_a_file_like_any_other(trips: Repo, mount: Mounted, branch: Path) -> None:
    with open(branch / "large", "rb") as reading, open(branch / "copy", "w+b", buffering=0) as writing:
        assert os.copy_file_range(reading.fileno(), writing.fileno(), 1 << 30) == len(LARGE)
        number = os.fstat(writing.fileno()).st_ino
        os.pwrite(writing.fileno(), b"changed", 1_000_000)
        expected = LARGE[:1_000_000] + b"changed" + LARGE[1_000_007:]
        assert os.pread(writing.fileno(), len(LARGE), 0) == expected
        os.rename(branch / "copy", branch / "moved")
        mount.stage()
        assert (branch / "moved").stat().st_ino == number
    assert (branch / "moved").read_bytes() == expected
    assert (branch / "large").read_bytes() == LARGE


def test_a_copy_outlives_the_repo_that_it_came_from_and_the_mount(tmp_path: Path) -> None:
    with store.create(tmp_path / "store") as opened:
        opened.create_repo("target")
        with opened.create_repo("source").edit() as edit:
            edit.write("large", LARGE)
        with mounted(opened.path, tmp_path / "pfs", "--writable") as mount:
            copy(mount.path / "source@master.1" / "large", mount.path / "target" / "copy")
            mount.process.kill()
            mount.process.wait()
        opened.delete_repo("source")
        opened.sweep(opened.plan_gc())
        with mounted(opened.path, tmp_path / "pfs", "--writable") as mount:
            assert (mount.path / "target" / "copy").read_bytes() == LARGE


def test_a_part_of_a_file_is_copied_into_another(branch: Path) -> None:
    (branch / "target").write_bytes(b"." * 100)
    assert copy(branch / "large", branch / "target", start=1000, at=50, length=2000) == 2000
    assert (branch / "target").read_bytes() == b"." * 50 + LARGE[1000:3000]
    assert copy(branch / "large", branch / "target", start=len(LARGE)) == 0


def test_what_was_written_is_copied_too(branch: Path) -> None:
    (branch / "written").write_bytes(LARGE[:100_000])
    assert copy(branch / "written", branch / "target") == 100_000
    assert (branch / "target").read_bytes() == LARGE[:100_000]


def test_cp_copies_between_branches_and_commits(trips: Repo, mount: Mounted, branch: Path) -> None:
    subprocess.run(["cp", "-r", mount.path / f"{trips.name}@master.1", branch / "all"], check=True)
    subprocess.run(["diff", "-r", mount.path / f"{trips.name}@master.1", branch / "all"], check=True)


# ---- holes


def test_holes_of_a_written_file_are_found(branch: Path) -> None:
    with open(branch / "sparse", "w+b", buffering=0) as file:
        os.ftruncate(file.fileno(), 10 << 20)
        os.pwrite(file.fileno(), b"data", 4 << 20)
        found = os.lseek(file.fileno(), 0, os.SEEK_DATA)
        assert 0 < found <= 4 << 20
        assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == 0
        assert 4 << 20 < os.lseek(file.fileno(), found, os.SEEK_HOLE) < 10 << 20
        with pytest.raises(OSError) as caught:
            os.lseek(file.fileno(), 10 << 20, os.SEEK_DATA)
        assert caught.value.errno == errno.ENXIO


def test_what_shows_through_is_data_up_to_its_end(branch: Path) -> None:
    with open(branch / "large", "r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"x", 5 << 20)
        assert os.lseek(file.fileno(), 1 << 20, os.SEEK_DATA) == 1 << 20
        assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == len(LARGE)
        assert os.lseek(file.fileno(), len(LARGE), os.SEEK_DATA) == 5 << 20


def test_a_file_of_the_store_is_data_to_its_end(trips: Repo, mount: Mounted) -> None:
    with open(mount.path / f"{trips.name}@master.1" / "large", "rb") as file:
        assert os.lseek(file.fileno(), 1000, os.SEEK_DATA) == 1000
        assert os.lseek(file.fileno(), 1000, os.SEEK_HOLE) == len(LARGE)
