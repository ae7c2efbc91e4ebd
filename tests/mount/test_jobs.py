"""A worker's mount: several jobs' views, each with exactly its inputs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import mounted
from pfsfuse.testing.posix import outcome, tree
from pfsfuse.testing.trees import put_tree
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")


def test_a_view_shows_the_picked_paths_at_their_places_and_an_empty_out(
    opened: Store, mountpoint: Path
) -> None:
    put_tree(opened.create_repo("trips"), {"a/b/c": b"1", "a/b/d": b"2", "a/e": b"3", "f": b"4"})
    put_tree(opened.create_repo("weather"), {"day": b"5"})
    with mounted(opened.path, mountpoint, "--jobs") as mount:
        assert os.listdir(mount.path) == []
        view = mount.add({"trips": ("trips@master", ["/a/b/c", "/f"]), "sky": ("weather@master", ["/"])})
        files = {path: value[2] for path, value in tree(view).items() if value[2] is not None}
        assert files == {b"trips/a/b/c": b"1", b"trips/f": b"4", b"sky/day": b"5"}
        assert (sorted(os.listdir(view)), os.listdir(view / "out")) == (["out", "sky", "trips"], [])
        assert outcome(os.stat, view / "trips" / "a" / "e") == "ENOENT"


def test_views_are_at_exact_commits_and_share_the_page_cache(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {"f": b"1" * 50_000, "same": b"s" * 50_000})
    with mounted(opened.path, mountpoint, "--jobs") as mount:
        first = mount.add({"r": ("r@master", ["/"])})
        assert tree(first / "r")[b"same"][2] == b"s" * 50_000
        put_tree(repo, {"f": b"2", "same": b"s" * 50_000})
        second = mount.add({"r": ("r@master", ["/"])})
        assert ((first / "r" / "f").read_bytes()[:1], (second / "r" / "f").read_bytes()) == (b"1", b"2")
        assert (second / "r" / "same").read_bytes() == b"s" * 50_000
        # One inode has one page cache. Reads are not counted: whoever drops the kernel's caches would be counted, too.
        assert (first / "r" / "same").samefile(second / "r" / "same")
        assert not (first / "r" / "f").samefile(second / "r" / "f")


def test_a_removed_view_is_gone_and_forgotten(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), {f"f{number}": b"" for number in range(200)})
    with mounted(opened.path, mountpoint, "--jobs") as mount:
        for _ in range(5):
            view = mount.add({"r": ("r@master", ["/"])})
            assert len(tree(view / "r")) == 200
            mount.remove(view)
            mount.refresh()
            assert outcome(os.stat, view) == "ENOENT"
        assert os.listdir(mount.path) == []


def test_the_whole_host_is_live_in_a_view_that_asks_for_it(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {"f": b"1"})
    with mounted(opened.path, mountpoint, "--jobs") as mount:
        view = mount.add({}, whole_host=True)
        assert (sorted(os.listdir(view)), (view / "r" / "f").read_bytes()) == (["out", "r"], b"1")
        put_tree(repo, {"f": b"2"})
        mount.refresh()
        assert ((view / "r" / "f").read_bytes(), (view / "r@master.1" / "f").read_bytes()) == (b"2", b"1")


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_sandbox_can_be_built_from_a_view(opened: Store, mountpoint: Path, tmp_path: Path) -> None:
    put_tree(opened.create_repo("r"), {"f": b"1"})
    (tmp_path / "out").mkdir()
    with mounted(opened.path, mountpoint, "--jobs") as mount:
        view = mount.add({"r": ("r@master", ["/"])})
        command = [
            "bwrap",
            "--ro-bind",
            "/",
            "/",
            "--ro-bind",
            str(view),
            "/mnt",
            "--bind",
            f"{tmp_path}/out",
            "/mnt/out",
        ]
        script = "cat /mnt/r/f > /mnt/out/copy; touch /mnt/r/g"
        done = subprocess.run([*command, "sh", "-c", script], capture_output=True, text=True, check=False)
        assert "Read-only file system" in done.stderr
        assert (tmp_path / "out" / "copy").read_bytes() == b"1"
        assert os.listdir(view / "out") == []
