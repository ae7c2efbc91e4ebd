"""Writing a directory with several threads: the same as with one, bounded, and nobody leads it astray."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import store
from store.testing.strategies import pseudo_random
from store.transfer import directory
from store.transfer.crew import Progress


@pytest.fixture
def large(trips: store.Repo) -> store.Commit:
    """Files of several blocks, with zeros in the middle of one, among many small ones."""
    with trips.edit() as edit:
        edit.write("large", pseudo_random(1, 9_000_000))
        edit.write("holes", pseudo_random(2, 100_000) + bytes(9 << 20) + pseudo_random(3, 100_000))
        for number in range(300):
            edit.write(f"many/{number}", b"%d" % number, mtime_ns=number)
    assert edit.result is not None
    return edit.result


def read_back(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def contents(commit: store.Commit) -> dict[str, bytes]:
    return {path.decode(): commit.read(path) for path, entry in commit.walk() if entry.is_file}


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_of_large_files_come_together_again(large, tmp_path, threads, sparse):
    store.export(large.trees, large.tree, tmp_path / "out", threads=threads, sparse=sparse)
    assert read_back(tmp_path / "out") == contents(large)


def test_short_runs_of_zeros_become_holes_where_that_is_asked_for(trips, tmp_path):
    with trips.edit() as edit:
        edit.write("file", (b"x" * (64 << 10) + bytes(64 << 10)) * 160)
    entry = edit.result.entry("file")
    store.export(edit.result.trees, entry, tmp_path / "sparse", sparse=True)
    store.export(edit.result.trees, entry, tmp_path / "dense")
    assert (tmp_path / "sparse").stat().st_blocks * 512 < 11 << 20
    assert (tmp_path / "dense").stat().st_blocks * 512 >= 20 << 20


def test_long_runs_of_zeros_become_holes(large, tmp_path):
    store.export(large.trees, large.entry("holes"), tmp_path / "out")
    assert (tmp_path / "out").stat().st_blocks * 512 < 1 << 20
    assert (tmp_path / "out").read_bytes() == large.read("holes")


def test_a_terabyte_of_zeros_is_neither_read_nor_written(trips, tmp_path):
    with (tmp_path / "image").open("wb") as image:
        image.truncate(1 << 40)
        image.seek(1 << 39)
        image.write(b"in the middle")
    with trips.edit() as edit:
        edit.put(tmp_path / "image", "image")
    told: list[tuple[int, int]] = []
    entry = edit.result.entry("image")
    store.export(
        edit.result.trees, entry, tmp_path / "out", progress=lambda files, size: told.append((files, size))
    )
    status = (tmp_path / "out").stat()
    assert (status.st_size, status.st_blocks * 512 < 1 << 20) == (1 << 40, True)
    with (tmp_path / "out").open("rb") as out:
        out.seek(1 << 39)
        assert out.read(14) == b"in the middle\0"
    assert [sum(each) for each in zip(*told, strict=True)] == [1, 1 << 40]


def test_progress_adds_up_to_every_byte_and_file(large, tmp_path):
    told: list[tuple[int, int]] = []
    store.export(large.trees, large.tree, tmp_path / "out", progress=lambda *each: told.append(each))
    assert sum(size for _, size in told) == large.tree.size
    assert sum(files for files, _ in told) == large.tree.files


def test_a_directory_that_may_not_be_written_is_still_filled_first(trips, tmp_path):
    with trips.edit() as edit:
        edit.write("closed/file", b"1")
        edit.mkdir("closed", mode=0o555, mtime_ns=7)
    store.export(edit.result.trees, edit.result.tree, tmp_path / "out")
    status = (tmp_path / "out/closed").stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o555, 7)
    assert (tmp_path / "out/closed/file").read_bytes() == b"1"


class Stopped(Exception):
    """What a test makes an export stop with."""


def stop_after(count: int) -> Progress:
    left = [count]

    def progress(files: int, size: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Stopped

    return progress


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_a_failure_ends_all_threads_and_closes_every_file(large, tmp_path, count):
    before = set(os.listdir("/proc/self/fd")), threading.active_count()
    with pytest.raises(Stopped):
        store.export(large.trees, large.tree, tmp_path / "out", progress=stop_after(count))
    assert (set(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_an_export_that_was_interrupted_goes_on_where_it_was(large, tmp_path):
    with pytest.raises(Stopped):
        store.export(large.trees, large.tree, tmp_path / "out", threads=1, progress=stop_after(4))
    kept = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("*") if path.is_file()}
    (whole := tmp_path / "out" / "large").write_bytes(b"not whole")
    store.export(large.trees, large.tree, tmp_path / "out", resume=True)
    assert read_back(tmp_path / "out") == contents(large)
    assert any(path.stat().st_ino == number for path, number in kept.items() if path != whole)


def test_a_file_with_another_mode_size_or_mtime_is_not_taken_to_be_whole(large, tmp_path):
    store.export(large.trees, large.tree, tmp_path / "out")
    (tmp_path / "out/many/1").chmod(0o600)
    (tmp_path / "out/many/2").write_bytes(b"x")
    os.utime(tmp_path / "out/many/3", ns=(9, 9))
    (tmp_path / "out/many/4").unlink()
    (tmp_path / "out/many/4").symlink_to("5")
    old = {name: os.lstat(tmp_path / "out/many" / name).st_ino for name in "12345"}
    store.export(large.trees, large.tree, tmp_path / "out", resume=True)
    assert read_back(tmp_path / "out") == contents(large)
    assert not (tmp_path / "out/many/4").is_symlink()
    assert os.lstat(tmp_path / "out/many/5").st_ino == old["5"]


@contextmanager
def swapping(path: Path, outside: Path) -> Iterator[None]:
    """Make `path` a link to `outside` and a directory in turn, as quickly as possible, until the block ends."""
    done = threading.Event()
    aside = path.with_name("aside")

    def swap() -> None:
        while not done.is_set():
            try:
                os.rename(path, aside)
                os.symlink(outside, path)
                os.unlink(path)
                os.rename(aside, path)
            except OSError:
                shutil.rmtree(aside, ignore_errors=True)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_directory_that_is_swapped_for_a_link_leads_nothing_elsewhere(trips, tmp_path):
    with trips.edit() as edit:
        for number in range(40):
            edit.write(f"dir/{number}", b"ours")
    outside, target = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    target.mkdir()
    ended = 0
    with swapping(target / "dir", outside):
        for _ in range(60):
            try:
                store.export(edit.result.trees, edit.result.tree, target)
                ended += 1
            except OSError:
                pass  # a link where a directory has to be: refused
    assert os.listdir(outside) == []
    assert ended, "some get through between two swaps, or this shows nothing"


def test_memory_is_bounded_by_blocks_not_by_files(large, tmp_path, monkeypatch):
    held: list[int] = []
    real = type(large.trees).fetch

    def fetch(trees, extents):
        held.append(sum(extent.size for extent in extents))
        return real(trees, extents)

    monkeypatch.setattr(type(large.trees), "fetch", fetch)
    store.export(large.trees, large.tree, tmp_path / "out")
    assert max(held) <= directory.BLOCK
