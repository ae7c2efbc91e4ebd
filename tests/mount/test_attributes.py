"""Extended attributes, on a mount that was asked for them: those that are set, and those that are worked out."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import Mounted, mounted
from pfsfuse.testing.posix import outcome
from store import Repo

pytestmark = pytest.mark.usefixtures("fuse")


@pytest.fixture(scope="module")
def options() -> tuple[str, ...]:
    return ("--writable", "--xattrs")


@pytest.fixture
def trips(trips: Repo, mount: Mounted) -> Repo:
    """The same, with a commit."""
    with trips.edit(message="one") as edit:
        edit.write("july/a", b"1234")
        edit.write("b", b"12345")
    mount.refresh()
    return trips


def refused(call: Callable[..., object], path: Path, *arguments: object) -> str:
    return outcome(lambda path: call(path, *arguments), path)


def commit(trips: Repo, mount: Mounted) -> None:
    mount.stage()
    trips.commit_draft(message="set")
    mount.refresh()


@pytest.mark.parametrize("path", ["july/a", "july", ".", "b"])
def test_what_is_set_is_read_back_and_kept_in_the_commit(
    trips: Repo, mount: Mounted, branch: Path, path: str
) -> None:
    os.setxattr(branch / path, "user.colour", b"red\0blue")
    os.setxattr(branch / path, "user.empty", b"")
    assert os.getxattr(branch / path, "user.colour") == b"red\0blue"
    commit(trips, mount)
    for place in (branch, mount.path / f"{trips.name}@master.2"):
        assert sorted(os.listxattr(place / path)) == ["user.colour", "user.empty"]
        assert os.getxattr(place / path, "user.colour") == b"red\0blue"
    assert os.listxattr(mount.path / f"{trips.name}@master.1" / path) == []
    os.removexattr(branch / path, "user.colour")
    commit(trips, mount)
    assert os.listxattr(mount.path / f"{trips.name}@master.3" / path) == ["user.empty"]


def test_what_is_written_to_a_file_leaves_its_attributes(trips: Repo, mount: Mounted, branch: Path) -> None:
    os.setxattr(branch / "b", "user.colour", b"red")
    commit(trips, mount)
    (branch / "b").write_text("other")
    os.rename(branch / "b", branch / "c")
    commit(trips, mount)
    assert os.getxattr(branch / "c", "user.colour") == b"red"


def test_the_flags_of_setxattr_are_heeded(branch: Path) -> None:
    assert refused(os.setxattr, branch / "b", "user.a", b"1", os.XATTR_REPLACE) == "ENODATA"
    os.setxattr(branch / "b", "user.a", b"1", os.XATTR_CREATE)
    assert refused(os.setxattr, branch / "b", "user.a", b"2", os.XATTR_CREATE) == "EEXIST"
    os.setxattr(branch / "b", "user.a", b"2", os.XATTR_REPLACE)
    assert os.getxattr(branch / "b", "user.a") == b"2"
    assert refused(os.removexattr, branch / "b", "user.none") == "ENODATA"


def test_a_file_takes_64_kib_of_attributes_and_no_more(trips: Repo, mount: Mounted, branch: Path) -> None:
    large = os.urandom(65536 - len("user.large") - 100)
    os.setxattr(branch / "b", "user.large", large)
    assert refused(os.setxattr, branch / "b", "user.more", b"x" * 100) == "ENOSPC"
    os.setxattr(branch / "b", "user.large", large[::-1])
    commit(trips, mount)
    assert os.getxattr(branch / "b", "user.large") == large[::-1]


def test_other_kinds_than_peoples_own_are_not_supported(branch: Path) -> None:
    assert refused(os.getxattr, branch / "b", "security.selinux") in {"ENOTSUP", "EOPNOTSUPP"}
    assert refused(os.setxattr, branch / "b", "trusted.a", b"") in {"ENOTSUP", "EOPNOTSUPP", "EPERM"}
    assert refused(os.getxattr, branch / "b", "user.none") == "ENODATA"


def test_a_commit_tells_what_it_is(trips: Repo, mount: Mounted, branch: Path) -> None:
    place = mount.path / f"{trips.name}@master.1"
    head = trips.commit("master")
    for path, entry in (("july/a", head.entry("july/a")), ("july", head.entry("july")), (".", head.tree)):
        assert os.getxattr(place / path, "user.pfs.repo") == trips.name.encode()
        assert os.getxattr(place / path, "user.pfs.commit") == str(head.id).encode()
        assert os.getxattr(place / path, "user.pfs.digest") == entry.identity().hex().encode()
        assert os.getxattr(place / path, "user.pfs.size") == b"%d" % entry.size
        assert refused(os.getxattr, place / path, "user.pfs.provenance") == "ENODATA"
        assert os.listxattr(place / path) == []


def test_a_file_that_two_commits_share_names_the_one_it_is_looked_at_in(
    trips: Repo, mount: Mounted, branch: Path
) -> None:
    with trips.edit(message="two") as edit:
        edit.write("c", b"1")
    ids = [os.getxattr(mount.path / f"{trips.name}@master.{n}" / "b", "user.pfs.commit") for n in (1, 2)]
    assert ids == [str(trips.commit(f"master.{n}").id).encode() for n in (1, 2)]


def test_a_branch_names_its_head_and_a_file_that_was_changed_has_no_digest(
    trips: Repo, mount: Mounted, branch: Path
) -> None:
    (branch / "b").write_text("123")
    assert os.getxattr(branch / "b", "user.pfs.commit") == str(trips.commit("master").id).encode()
    assert os.getxattr(branch / "b", "user.pfs.size") == b"3"
    assert refused(os.getxattr, branch / "b", "user.pfs.digest") == "ENODATA"
    assert refused(os.getxattr, branch, "user.pfs.size") == "ENODATA"
    assert len(os.getxattr(branch / "july" / "a", "user.pfs.digest")) == 64


def test_what_is_worked_out_cannot_be_set_and_a_commit_cannot_be_changed(
    trips: Repo, mount: Mounted, branch: Path
) -> None:
    assert refused(os.setxattr, branch / "b", "user.pfs.commit", b"1") == "EPERM"
    assert refused(os.removexattr, branch / "b", "user.pfs.commit") == "EPERM"
    there = mount.path / f"{trips.name}@master.1" / "b"
    assert refused(os.setxattr, there, "user.a", b"1") == "EROFS"
    assert refused(os.setxattr, mount.path / ".pfs" / "version", "user.a", b"1") == "EROFS"


def test_too_small_a_buffer_is_erange(branch: Path) -> None:
    os.setxattr(branch / "b", "user.long", b"x" * 1000)
    with pytest.raises(OSError) as caught:
        _small_getxattr(branch / "b", b"user.long")
    assert caught.value.errno == errno.ERANGE


def _small_getxattr(path: Path, name: bytes) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.getxattr(os.fsencode(path), name, ctypes.create_string_buffer(10), 10) < 0:
        raise OSError(ctypes.get_errno(), "getxattr")


@pytest.mark.parametrize(
    "command",
    [("cp", "-a", "--no-target-directory"), ("rsync", "-aX"), ("tar",)],
    ids=["cp", "rsync", "tar"],
)
def test_programs_carry_attributes_in_and_out(
    trips: Repo, mount: Mounted, branch: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    (source / "below" / "file").write_text("1")
    os.setxattr(source / "below" / "file", "user.colour", b"red")
    os.setxattr(source / "below", "user.shape", b"round")

    def carry(one: Path, other: Path) -> None:
        if command[0] != "tar":
            subprocess.run([*command, f"{one}/.", f"{other}/."], check=True, capture_output=True)
            return
        tar = ["tar", "--xattrs", "--xattrs-include=user.*"]
        packed = subprocess.run([*tar, "-C", one, "-cf", "-", "."], check=True, capture_output=True)
        subprocess.run([*tar, "-C", other, "-xf", "-"], input=packed.stdout, check=True, capture_output=True)

    carry(source, branch)
    commit(trips, mount)
    (tmp_path / "target").mkdir()
    carry(mount.path / f"{trips.name}@master.2", tmp_path / "target")
    assert os.getxattr(tmp_path / "target" / "below" / "file", "user.colour") == b"red"
    assert os.getxattr(tmp_path / "target" / "below", "user.shape") == b"round"


def test_getfattr_and_setfattr_do_what_they_do_elsewhere(branch: Path) -> None:
    if shutil.which("getfattr") is None:
        pytest.skip("there is no getfattr")
    subprocess.run(["setfattr", "-n", "user.colour", "-v", "red", branch / "b"], check=True)
    shown = subprocess.check_output(["getfattr", "-d", branch / "b"], text=True, stderr=subprocess.DEVNULL)
    assert shown.splitlines()[1:2] == ['user.colour="red"']
    told = ["getfattr", "-n", "user.pfs.size", "--only-values", branch / "b"]
    assert subprocess.check_output(told, stderr=subprocess.DEVNULL) == b"5"


def test_without_the_option_they_are_refused_once_and_for_all(tmp_path: Path) -> None:
    with store.create(tmp_path / "store") as opened:
        opened.create_repo("r")
        with mounted(opened.path, tmp_path / "pfs", "--writable") as mount:
            (mount.path / "r" / "f").touch()
            for name in ("f", "."):
                assert refused(os.getxattr, mount.path / "r" / name, "user.pfs.size") == "ENOTSUP"
            assert mount.requests()["getxattr"] == 1
