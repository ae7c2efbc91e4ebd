"""Mounts begin and end cleanly, whatever happens in between."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import store
from pfsfuse.errors import MountError
from pfsfuse.fuse import prepare_mountpoint, unmount
from pfsfuse.fuse.mountinfo import TYPE, mount_at
from pfsfuse.fuse.mountpoint import alone
from pfsfuse.testing.mounted import mounted
from pfsfuse.testing.posix import outcome
from pfsfuse.testing.trees import put_tree
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")


def test_a_mount_is_of_our_type_names_the_store_and_is_nosuid_and_nodev(
    opened: Store, mountpoint: Path
) -> None:
    with mounted(opened.path, mountpoint):
        entry = mount_at(mountpoint)
        assert entry is not None
        assert (entry.type, entry.source) == (TYPE, str(opened.path))
        assert {"ro", "nosuid", "nodev", "default_permissions"} <= entry.options
        assert "allow_other" not in entry.options


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_unmounts_and_ends_with_success(
    number: signal.Signals, opened: Store, mountpoint: Path
) -> None:
    with mounted(opened.path, mountpoint) as mount:
        mount.process.send_signal(number)
        assert mount.process.wait(200) == 0
        assert mount_at(mountpoint) is None


def test_a_signal_unmounts_even_while_somebody_stands_in_it(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), {"f": b"1"})
    with mounted(opened.path, mountpoint) as mount:
        inside = os.open(mount.path / "r", os.O_RDONLY)
        mount.process.send_signal(signal.SIGTERM)
        assert mount.process.wait(200) == 0
        assert mount_at(mountpoint) is None
        assert outcome(os.listdir, inside) == "ENOTCONN"
        os.close(inside)


def test_unmount_ends_the_process(opened: Store, mountpoint: Path) -> None:
    with mounted(opened.path, mountpoint) as mount:
        unmount(mountpoint)
        assert mount.process.wait(200) == 0
        assert mount_at(mountpoint) is None


def test_unmount_names_who_is_in_the_way(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), {"f": b"1"})
    with mounted(opened.path, mountpoint) as mount:
        with subprocess.Popen(["sleep", "60"], cwd=mount.path / "r") as sleeper:
            try:
                with pytest.raises(MountError, match=rf"busy; in use by sleep \({sleeper.pid}\)"):
                    unmount(mountpoint)
            finally:
                sleeper.kill()
        unmount(mountpoint)


def test_a_mount_whose_process_was_killed_is_recognised_and_cleaned(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), {"f": b"1"})
    with mounted(opened.path, mountpoint) as mount:
        mount.process.kill()
        mount.process.wait()
        assert outcome(os.statvfs, mountpoint) == "ENOTCONN"
        with mounted(opened.path, mountpoint) as again:
            assert (again.path / "r" / "f").read_bytes() == b"1"
    assert mount_at(mountpoint) is None


def test_a_dead_mount_can_be_unmounted(opened: Store, mountpoint: Path) -> None:
    with mounted(opened.path, mountpoint) as mount:
        mount.process.kill()
        mount.process.wait()
        unmount(mountpoint)
        assert mount_at(mountpoint) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the control file system")
def test_a_mount_that_is_aborted_ends_its_process_and_leaves_nothing(
    opened: Store, mountpoint: Path, tmp_path: Path
) -> None:
    control = tmp_path / "control"
    control.mkdir()
    subprocess.run(["mount", "-t", "fusectl", "none", control], check=True)
    try:
        with mounted(opened.path, mountpoint) as mount:
            (control / str(os.minor(mountpoint.stat().st_dev)) / "abort").write_text("1")
            mount.process.wait(200)
            assert mount_at(mountpoint) is None
    finally:
        subprocess.run(["umount", control], check=True)


def test_a_second_mount_at_the_same_place_is_refused_and_names_the_first(
    opened: Store, mountpoint: Path
) -> None:
    with mounted(opened.path, mountpoint), pytest.raises(MountError) as refused:
        prepare_mountpoint(mountpoint)
    assert str(refused.value) == f"{mountpoint} is a mountpoint already: the store {opened.path}"
    assert refused.value.hint() == f"`pfs umount {mountpoint}`"


def test_of_many_that_mount_at_one_place_at_once_one_does(opened: Store, mountpoint: Path) -> None:
    command = [sys.executable, "-m", "pfsfuse.testing.mounted", opened.path, mountpoint]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    try:
        answers = [process.stdout.readline() for process in started if process.stdout is not None]
        assert sorted(answers) == [b"", b"", b'"ready"\n']
        assert Path("/proc/self/mountinfo").read_text().count(f" {mountpoint} ") == 1
    finally:
        refused = [error for process in started if b"MountError" in (error := process.communicate()[1])]
    assert len(refused) == 2
    assert mount_at(mountpoint) is None


def test_who_is_about_to_mount_keeps_others_out(tmp_path: Path) -> None:
    with (
        alone(tmp_path),
        pytest.raises(MountError, match="something else is being mounted at"),
        alone(tmp_path),
    ):
        pass


def test_several_mounts_of_one_store_show_the_same(opened: Store, tmp_path: Path) -> None:
    put_tree(opened.create_repo("r"), {"f": b"1"})
    with mounted(opened.path, tmp_path / "a") as one, mounted(opened.path, tmp_path / "b") as two:
        assert (one.path / "r" / "f").read_bytes() == (two.path / "r" / "f").read_bytes()
        assert (one.path / "r@master.1" / "f").stat().st_ino == (two.path / "r@master.1" / "f").stat().st_ino


def test_a_missing_mountpoint_is_made(tmp_path: Path) -> None:
    assert prepare_mountpoint(tmp_path / "new") == tmp_path / "new"
    assert (tmp_path / "new").is_dir()


def test_a_mountpoint_whose_parent_is_missing_is_refused_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(MountError, match="cannot be made: No such file or directory") as refused:
        prepare_mountpoint(tmp_path / "no" / "pfs")
    assert "install -d" in refused.value.hint()


def test_a_file_is_no_mountpoint(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(MountError, match="is not a directory"):
        prepare_mountpoint(tmp_path / "f")


def test_a_directory_with_something_in_it_is_no_mountpoint(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(MountError, match="is not empty"):
        prepare_mountpoint(tmp_path)


def test_another_file_system_in_the_way_is_named() -> None:
    with pytest.raises(MountError, match=r"/proc is a mountpoint already: proc \(proc\)"):
        prepare_mountpoint("/proc")


def test_unmounting_what_is_not_mounted_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MountError, match="nothing of ours is mounted at"):
        unmount(tmp_path)


def test_a_symlink_leads_to_the_mountpoint(opened: Store, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with mounted(opened.path, tmp_path / "link"):
        assert mount_at(tmp_path / "real") is not None
        unmount(tmp_path / "link")
        assert mount_at(tmp_path / "real") is None


def test_a_store_path_of_any_letters_is_a_source(tmp_path: Path) -> None:
    odd = tmp_path / "a b,c\\dü%"
    odd.mkdir()
    with store.create(odd / "store") as opened, mounted(opened.path, tmp_path / "pfs"):
        entry = mount_at(tmp_path / "pfs")
        assert entry is not None and entry.source.endswith("/a%20b%2Cc%5Cd%C3%BC%25/store")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_somebody_without_root_mounts_through_fusermount3(tmp_path: Path) -> None:
    if os.stat("/dev/fuse").st_mode & 0o006 != 0o006:
        pytest.skip("this machine lets only root use /dev/fuse")
    nobody = 65534
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    place = tmp_path / "own"
    place.mkdir()
    with store.create(place / "store") as opened:
        put_tree(opened.create_repo("r"), {"f": b"1"})
    subprocess.run(["chown", "-R", f"{nobody}:{nobody}", place], check=True)
    become = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
    readable = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # Python may lie in /root
    with mounted(place / "store", place / "pfs", prefix=[*become, *readable]) as mount:
        entry = mount_at(place / "pfs")
        assert entry is not None and entry.type == TYPE
        assert outcome(os.stat, mount.path) == errno.errorcode[errno.EACCES], (
            "without allow_other root is refused"
        )
        assert subprocess.check_output([*become, "cat", mount.path / "r" / "f"]) == b"1"
    assert mount_at(place / "pfs") is None
