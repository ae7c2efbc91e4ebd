from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pfsfuse.worker.removal import remove_empty, remove_tree
from pfsfuse.worker.rooms import Rooms, remove_stale


def test_a_tree_is_removed_and_what_its_links_point_to_is_left(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists() and (tmp_path / "kept" / "file").exists()


def test_what_holds_more_than_empty_directories_is_not_removed_as_empty(tmp_path: Path) -> None:
    for name, below in (("empty", "out"), ("deep", "out/below"), ("links", "out")):
        (tmp_path / name / below).mkdir(parents=True)
    (tmp_path / "links" / "link").symlink_to(tmp_path / "deep")
    assert [remove_empty(tmp_path / name) for name in ("empty", "deep", "links")] == [True, False, False]
    assert not (tmp_path / "empty").exists() and (tmp_path / "deep" / "out" / "below").exists()


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "missing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_root_modes_do_not_keep_a_tree_from_being_removed() -> None:
    code = """
import os, sys, tempfile
from pathlib import Path
from pfsfuse.worker.removal import remove_empty, remove_tree
os.setuid(65534)
scratch = tempfile.TemporaryDirectory()
top = Path(scratch.name)
(top / "a" / "b").mkdir(parents=True)
(top / "a" / "b" / "f").touch()
(top / "elsewhere").mkdir(mode=0o500)
(top / "a" / "b" / "link").symlink_to(top / "elsewhere")
(top / "a" / "b").chmod(0)
(top / "a").chmod(0o500)
remove_tree(top / "a")
print((top / "a").exists(), oct((top / "elsewhere").stat().st_mode & 0o777))
scratch.cleanup()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["False", "0o500"], "")


def test_a_tree_is_removed_however_deep_it_is(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    dig = "import os\nfor n in range(2000): os.mkdir('deep'); os.chdir('deep')\nopen('end', 'w').close()"
    subprocess.run([sys.executable, "-c", dig], cwd=tmp_path / "tree", check=True)
    remove_tree(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed_to_the_tree_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "kept" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "link")
    assert (tmp_path / "kept" / "below").exists()


def test_a_worker_does_not_mind_what_one_with_the_same_pid_has_left(tmp_path: Path) -> None:
    left = Rooms(tmp_path / "worker-7")
    (left.directory / "1" / "out").mkdir(parents=True)
    assert list(Rooms(tmp_path / "worker-7").directory.iterdir()) == [left.mountpoint]


def test_what_dead_workers_left_is_removed_though_nobody_has_collected_them(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    for pid in (dead.pid, os.getpid()):
        (tmp_path / "scratch" / f"worker-{pid}" / "1").mkdir(parents=True)
    remove_stale(tmp_path).join()
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == [f"worker-{os.getpid()}"]
    dead.wait()


def test_what_a_dead_worker_left_is_out_of_the_way_before_it_is_removed(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "scratch" / "worker-999999999" / "1").mkdir(parents=True)
    go_on = threading.Event()
    with monkeypatch.context() as slow:
        slow.setattr("pfsfuse.worker.debris.remove_tree", lambda path: go_on.wait(60))
        first = remove_stale(tmp_path)
        assert [path.name.partition("-")[0] for path in (tmp_path / "scratch").iterdir()] == ["gone"]
        go_on.set()
        first.join()
    remove_stale(tmp_path).join()
    assert not list((tmp_path / "scratch").iterdir())
