"""Branches that move while they are mounted: by this test's process, which is not the mount's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import mounted
from pfsfuse.testing.posix import outcome
from pfsfuse.testing.trees import put_tree
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")


def test_a_commit_by_another_process_shows_without_being_told(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {"f": b"old", "gone": b"1", "d/x": b"1"})
    with mounted(opened.path, mountpoint) as mount:
        live = mount.path / "r"
        assert ((live / "f").read_bytes(), sorted(os.listdir(live))) == (b"old", ["d", "f", "gone"])
        put_tree(repo, {"f": b"newer", "d/x": b"1", "d/y": b"2"})
        while (live / "f").read_bytes() != b"newer":
            pass
        assert (sorted(os.listdir(live)), sorted(os.listdir(live / "d"))) == (["d", "f"], ["x", "y"])
        assert not (live / "gone").exists()


def test_after_a_refresh_the_next_look_shows_the_new_head(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    with mounted(opened.path, mountpoint) as mount:
        for number in range(30):
            put_tree(repo, {"f": b"%d" % number, f"only {number}": b"", "d/same": b"s"})
            mount.refresh()
            assert (mount.path / "r" / "f").read_bytes() == b"%d" % number
            assert sorted(os.listdir(mount.path / "r@master")) == ["d", "f", f"only {number}"]
            assert (mount.path / "r" / "d" / "same").read_bytes() == b"s"


def test_a_file_that_is_open_goes_on_reading_the_old_bytes(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    old = os.urandom(2_000_000)
    put_tree(repo, {"f": old})
    with mounted(opened.path, mountpoint) as mount, open(mount.path / "r" / "f", "rb") as reader:
        assert reader.read(10) == old[:10]
        put_tree(repo, {"f": bytes(2_000_000)})
        mount.refresh()
        assert (mount.path / "r" / "f").read_bytes() == bytes(2_000_000)
        assert reader.read() == old[10:]
        assert os.fstat(reader.fileno()).st_ino != (mount.path / "r" / "f").stat().st_ino


def test_a_path_that_was_missing_is_there_once_it_is_committed(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {"a": b"1"})
    with mounted(opened.path, mountpoint) as mount:
        assert not (mount.path / "r" / "b").exists()
        assert not (mount.path / "s").exists()
        put_tree(repo, {"a": b"1", "b": b"2"})
        put_tree(opened.create_repo("s"), {"c": b"3"})
        mount.refresh()
        assert ((mount.path / "r" / "b").read_bytes(), (mount.path / "s" / "c").read_bytes()) == (b"2", b"3")
        assert set(os.listdir(mount.path)) == {".pfs", "r", "s"}


def test_a_deleted_repo_and_a_deleted_branch_are_gone(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    commit = put_tree(repo, {"a": b"1"})
    put_tree(opened.create_repo("keep"), {"a": b"1"})
    repo.create_branch("dev", commit)
    with mounted(opened.path, mountpoint) as mount:
        names = ["r", "r@dev", f"r@{commit.id}", "r@"]
        assert all((mount.path / name).exists() for name in names)
        repo.delete_branch("dev")
        mount.refresh()
        assert [name for name in names if (mount.path / name).exists()] == ["r", f"r@{commit.id}", "r@"]
        opened.delete_repo("r")
        mount.refresh()
        assert [outcome(os.stat, mount.path / name) for name in names] == ["ENOENT"] * 4
        assert (mount.path / "keep" / "a").read_bytes() == b"1"


def test_an_expression_follows_the_branch_and_a_commit_stays(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    first = put_tree(repo, {"f": b"1"})
    put_tree(repo, {"f": b"2"})
    with mounted(opened.path, mountpoint) as mount:
        names = ["r@master^", "r@master.2", f"r@{first.id}"]
        assert [(mount.path / name / "f").read_bytes() for name in names] == [b"1", b"2", b"1"]
        put_tree(repo, {"f": b"3"})
        mount.refresh()
        assert [(mount.path / name / "f").read_bytes() for name in names] == [b"2", b"2", b"1"]


def test_a_directory_replaced_by_a_file_and_back(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {"x/f": b"1"})
    with mounted(opened.path, mountpoint) as mount:
        x = mount.path / "r" / "x"
        inside = os.open(x, os.O_RDONLY)
        try:
            assert os.listdir(inside) == ["f"]
            put_tree(repo, {"x": b"a file"})
            mount.refresh()
            assert x.read_bytes() == b"a file"
            put_tree(repo, {"x/g": b"2"})
            mount.refresh()
            assert (os.listdir(x), (x / "g").read_bytes()) == (["g"], b"2")
        finally:
            os.close(inside)


def test_a_head_that_moves_while_everybody_reads_never_shows_a_mixture(
    opened: Store, mountpoint: Path
) -> None:
    repo = opened.create_repo("r")
    size = 300_000
    put_tree(repo, {"f": b"a" * size})
    with mounted(opened.path, mountpoint) as mount:
        path = mount.path / "r" / "f"
        for letter in b"bcdefghijk":
            put_tree(repo, {"f": bytes([letter]) * size})
            for _ in range(20):
                content = path.read_bytes()
                assert len(content) == size and content.count(content[:1]) == size
        mount.refresh()
        assert path.read_bytes() == b"k" * size


def test_readers_listers_and_moving_heads_do_not_wait_for_each_other(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {f"f{number}": b"%d" % number * 1000 for number in range(40)})
    script = "while [ ! -e ../stop ]; do cat r/* > /dev/null; ls -lR r r@master.1 > /dev/null; true; done"
    with mounted(opened.path, mountpoint) as mount:
        command = ["sh", "-c", script.replace("../stop", f"{mountpoint.parent}/stop")]
        readers = [subprocess.Popen(command, cwd=mount.path, stderr=subprocess.DEVNULL) for _ in range(4)]
        try:
            for round_ in range(40):
                put_tree(
                    repo, {f"f{number}": b"%d" % (number + round_) * 1000 for number in range(round_, 40)}
                )
                mount.refresh()
                assert sorted(os.listdir(mount.path / "r")) == sorted(
                    f"f{number}" for number in range(round_, 40)
                )
        finally:
            (mountpoint.parent / "stop").touch()
        assert [reader.wait(200) for reader in readers].count(0) == 4
