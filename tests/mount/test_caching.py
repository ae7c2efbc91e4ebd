"""The kernel's caches do the work: counted in requests."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import mounted
from pfsfuse.testing.posix import tree
from pfsfuse.testing.trees import Tree, put_tree
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

FILES: Tree = {f"d{number % 10}/f{number}": b"%d " % number * 2000 for number in range(300)}


def test_a_file_that_did_not_change_is_read_from_the_store_once_for_all_of_history(
    opened: Store, mountpoint: Path
) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, FILES)
    put_tree(repo, {**FILES, "d0/f0": b"changed"})
    put_tree(opened.create_repo("copy"), FILES)
    with mounted(opened.path, mountpoint) as mount:
        first = tree(mount.path / "r@master.1")
        before = mount.requests()
        second, copy = tree(mount.path / "r@master.2"), tree(mount.path / "copy@master.1")
        asked = mount.requests() - before
        assert asked["read"] < len(FILES) / 20, (
            "the one file that changed, and a page or two lost under pressure"
        )
        assert second[b"d0/f0"][2] == b"changed"
        assert {path: value[2] for path, value in first.items()} == {
            path: value[2] for path, value in copy.items()
        }


def test_diff_of_two_commits_reads_only_what_differs(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, FILES)
    put_tree(repo, {**FILES, "d0/f0": b"x" * len("0 " * 2000)})
    with mounted(opened.path, mountpoint) as mount:
        command = ["diff", "-rq", str(mount.path / "r@master.1"), str(mount.path / "r@master.2")]
        assert subprocess.run(command, capture_output=True, text=True).stdout.count("\n") == 1
        assert mount.requests()["read"] == 2


def test_programs_take_equal_directories_of_two_commits_for_two(
    opened: Store, mountpoint: Path, tmp_path: Path
) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {"one/below/file": b"the same"})
    with repo.edit() as edit:
        edit.write("two", b"")
    with mounted(opened.path, mountpoint) as mount:
        first, second = "r@master.1", "r@master.2"
        subprocess.run(
            ["cp", "-a", "--parents", f"{first}/one", f"{second}/one", tmp_path], cwd=mount.path, check=True
        )
        assert tree(tmp_path / first / "one") == tree(tmp_path / second / "one")
        (tmp_path / "back").mkdir()
        since = f"--listed-incremental={tmp_path / 'since'}"
        for which, commits in enumerate(([first], [first, second])):
            archive = tmp_path / f"{which}.tar"
            subprocess.run(["tar", "-cf", archive, since, *commits], cwd=mount.path, check=True)
            back = ["tar", "-xf", archive, "--listed-incremental=/dev/null", "-C", tmp_path / "back"]
            subprocess.run(back, check=True)
        for commit in (first, second):
            assert (tmp_path / "back" / commit / "one/below/file").read_bytes() == b"the same"


@pytest.mark.parametrize(
    ("options", "asked"),
    [((), {"opendir", "releasedir"}), (("--unflagged",), {"opendir", "releasedir", "open", "release"})],
    ids=["read-only", "writable"],
)
def test_a_second_pass_opens_directories_and_where_files_can_be_written_files_and_asks_nothing_else(
    options: tuple[str, ...], asked: set[str], opened: Store, mountpoint: Path
) -> None:
    put_tree(opened.create_repo("r"), FILES)
    with mounted(opened.path, mountpoint, *options) as mount:
        for where in ("r@master.1", "r"):
            first = tree(mount.path / where)
            tree(mount.path / where)  # whatever else the machine did to the caches meanwhile
            before = mount.requests()
            assert tree(mount.path / where) == first
            assert set(mount.requests() - before) == asked


def test_a_directory_is_listed_anew_after_its_branch_moved(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {"d/a": b"1"})
    with mounted(opened.path, mountpoint) as mount:
        for number in range(2, 6):
            assert len(os.listdir(mount.path / "r" / "d")) == number - 1
            assert len(os.listdir(mount.path / "r" / "d")) == number - 1
            put_tree(repo, {f"d/{name}": b"1" for name in range(number)})
            mount.refresh()


def test_what_the_mount_says_of_itself_is_never_an_old_page(opened: Store, mountpoint: Path) -> None:
    with mounted(opened.path, mountpoint) as mount:
        status = mount.path / ".pfs" / "status"
        first = status.read_text()
        deadline = time.monotonic() + 60
        while status.read_text() == first:
            assert time.monotonic() < deadline
        assert status.read_text().endswith("}\n")


def test_a_name_that_is_absent_from_a_commit_is_asked_for_once(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), FILES)
    with mounted(opened.path, mountpoint) as mount:
        for _ in range(5):
            assert not (mount.path / "r@master.1" / "d0" / "absent").exists()
        assert mount.requests()["lookup"] == 3


def test_a_commit_that_changes_one_file_costs_one_lookup_of_it(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, FILES)
    with mounted(opened.path, mountpoint) as mount:
        tree(mount.path / "r")
        put_tree(repo, {**FILES, "d0/f0": b"changed"})
        mount.refresh()
        before = mount.requests()
        for path in FILES:
            os.stat(mount.path / "r" / str(path))
        assert (mount.path / "r" / "d0" / "f0").read_bytes() == b"changed"
        asked = mount.requests() - before
        assert asked["lookup"] == 1
        assert asked["getattr"] <= 11, "directories whose own mtime changed"


def test_numbers_and_attributes_are_the_same_after_a_remount(opened: Store, mountpoint: Path) -> None:
    repo = opened.create_repo("r")
    put_tree(repo, {**FILES, "link": "d0", "empty": b""})
    put_tree(repo, {"f": b"x"}, branch="dev")

    def look(path: Path) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for top in ("r", "r@dev", "r@master.1", f"r@{repo.commit('dev').id}"):
            for parent, directories, files in os.walk(path / top):
                for name in [".", *directories, *files]:
                    status = os.lstat(os.path.join(parent, name))
                    found[os.path.join(parent, name)] = (
                        status.st_ino,
                        status.st_mode,
                        status.st_mtime_ns,
                        status.st_size,
                    )
        return found

    with mounted(opened.path, mountpoint) as mount:
        before = look(mount.path)
    with mounted(opened.path, mountpoint) as mount:
        assert look(mount.path) == before
    numbers = [value[0] for path, value in before.items() if not path.endswith("/.")]
    assert all(0 < number < 1 << 63 for number in numbers)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask the kernel to forget")
def test_what_the_kernel_forgets_is_forgotten(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), {f"f{number}": b"%d" % number for number in range(3000)})
    with mounted(opened.path, mountpoint) as mount:
        for where in ("r", "r@master.1"):
            subprocess.run(["find", mount.path / where, "-size", "-1"], check=True, stdout=subprocess.DEVNULL)
        assert mount.inodes() > 6000
        # Something else may look at a name just then; the kernel lets go of it when asked again.
        deadline = time.monotonic() + 60
        while mount.inodes() >= 100:
            assert time.monotonic() < deadline, f"{mount.inodes()} inodes are still known"
            Path("/proc/sys/vm/drop_caches").write_text("2")
        assert (mount.path / "r" / "f7").read_bytes() == b"7"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set it")
def test_the_readahead_is_set_before_the_mount_is_reported_ready(opened: Store, mountpoint: Path) -> None:
    with mounted(opened.path, mountpoint) as mount:
        device = mount.path.stat().st_dev
        knob = Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
        assert knob.read_text() == "4096\n"


def test_stats_count_and_time_what_was_asked(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), {"f": b"x" * 100_000})
    with mounted(opened.path, mountpoint) as mount:
        (mount.path / "r" / "f").read_bytes()
        found = json.loads((mount.path / ".pfs" / "stats").read_bytes())
        assert found["pid"] == mount.process.pid
        read = found["requests"]["read"]
        assert read["count"] >= 1
        assert 0 < read["median_us"] <= read["p99_us"] <= read["max_us"]
