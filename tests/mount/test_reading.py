"""What is read through the mount is what was put, however it is read."""

from __future__ import annotations

import os
import random
import stat
import subprocess
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import mounted
from pfsfuse.testing.posix import outcome, reads_like, tree
from pfsfuse.testing.trees import put_tree
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

BIG = random.Random(1).randbytes(3_000_000) + bytes(1_000_000) + b"text " * 200_000
ODD_NAMES = [
    b"n" * 255,
    b"\xff\xfe not UTF-8",
    b" ",
    b"new\nline",
    "ü".encode(),
    b"-rf",
    b"a:b@c",
    b"%41",
    b"...",
]


def test_a_commit_is_the_directory_that_was_put(opened: Store, mountpoint: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    (plain / "deep" / "deeper").mkdir(parents=True)
    (plain / "nothing").mkdir()
    for size in (0, 1, 4096, 16_384, 300_000):
        (plain / f"{size} bytes").write_bytes(BIG[:size])
    (plain / "deep" / "deeper" / "program").write_bytes(b"#!/bin/sh\necho it runs\n")
    (plain / "deep" / "deeper" / "program").chmod(0o750)
    (plain / "link").symlink_to("deep/deeper/program")
    (plain / "nowhere").symlink_to("not there")
    for name in ODD_NAMES:
        Path(os.fsdecode(os.fsencode(plain) + b"/" + name)).write_bytes(name)
    os.utime(plain / "1 bytes", ns=(1, 1_469_836_800_123_456_789))
    with opened.create_repo("r").edit() as edit:
        edit.put_directory(plain, "")
    with mounted(opened.path, mountpoint) as mount:
        assert tree(mount.path / "r") == tree(mount.path / "r@master.1") == tree(plain)
        subprocess.run(["diff", "-r", "--no-dereference", plain, mount.path / "r"], check=True)
        assert subprocess.check_output([mount.path / "r" / "link"], text=True) == "it runs\n"


@pytest.mark.parametrize("size", [0, 1, 16_383, 65_536, 400_000, len(BIG)])
def test_random_access_and_mmap_read_the_bytes_that_were_put(
    size: int, opened: Store, mountpoint: Path
) -> None:
    put_tree(opened.create_repo("r"), {"f": BIG[:size]})
    with mounted(opened.path, mountpoint) as mount:
        reads_like(mount.path / "r" / "f", BIG[:size], seed=size)
        assert (mount.path / "r@master" / "f").read_bytes() == BIG[:size]


def test_many_readers_at_once_each_read_the_right_bytes(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), {f"f{number}": BIG[number * 1000 :] for number in range(4)})
    with mounted(opened.path, mountpoint) as mount:
        command = ["sha256sum", *(f"{mount.path}/r/f{number}" for number in range(4))]
        readers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
        assert len({reader.communicate()[0] for reader in readers}) == 1
        for number in range(4):
            assert (mount.path / "r" / f"f{number}").read_bytes() == BIG[number * 1000 :]


def test_a_name_of_256_bytes_is_too_long_and_one_of_255_is_only_missing(
    opened: Store, mountpoint: Path
) -> None:
    put_tree(opened.create_repo("r"), {"f": b""})
    with mounted(opened.path, mountpoint) as mount:
        for directory in (mount.path, mount.path / "r", mount.path / "r@master.1", mount.path / "r@"):
            assert outcome(lambda d: os.stat(d / ("n" * 256)), directory) == "ENAMETOOLONG"
            assert outcome(lambda d: os.stat(d / ("n" * 255)), directory) == "ENOENT"


def test_a_directory_of_20000_names_lists_each_once_and_takes_up_where_it_was(
    opened: Store, mountpoint: Path
) -> None:
    names = [f"{number:05}.csv" for number in range(20_000)]
    put_tree(opened.create_repo("r"), {name: name.encode() for name in names})
    with mounted(opened.path, mountpoint) as mount:
        assert sorted(os.listdir(mount.path / "r")) == names
        with os.scandir(mount.path / "r@master.1") as entries:
            assert all(entry.stat(follow_symlinks=False).st_size == 9 for entry in entries)
        assert (mount.path / "r" / "19999.csv").read_bytes() == b"19999.csv"


def test_stat_shows_the_mounting_user_one_link_and_no_write_bits(opened: Store, mountpoint: Path) -> None:
    with opened.create_repo("r").edit() as edit:
        edit.write("f", b"12345", mode=0o666, mtime_ns=1_469_836_800_123_456_789)
    with mounted(opened.path, mountpoint) as mount:
        status = (mount.path / "r" / "f").stat()
        assert (stat.S_IMODE(status.st_mode), status.st_nlink, status.st_size) == (0o444, 1, 5)
        assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
        assert status.st_mtime_ns == status.st_ctime_ns == 1_469_836_800_123_456_789
        directory = (mount.path / "r").stat()
        assert (stat.S_IMODE(directory.st_mode) & 0o222, directory.st_size, directory.st_blocks) == (
            0,
            4096,
            0,
        )


def test_statfs_tells_the_room_of_the_stores_file_system_and_the_longest_name(
    opened: Store, mountpoint: Path
) -> None:
    with mounted(opened.path, mountpoint) as mount:
        ours, real = os.statvfs(mount.path), os.statvfs(opened.path)
        assert (ours.f_namemax, ours.f_blocks * ours.f_frsize) == (255, real.f_blocks * real.f_frsize)
        assert ours.f_bavail > 0


def test_an_empty_file_reads_empty_and_a_directory_does_not_read(opened: Store, mountpoint: Path) -> None:
    put_tree(opened.create_repo("r"), {"empty": b"", "d": None})
    with mounted(opened.path, mountpoint) as mount:
        assert (mount.path / "r" / "empty").read_bytes() == b""
        assert os.listdir(mount.path / "r" / "d") == []
        assert outcome(lambda d: d.read_bytes(), mount.path / "r" / "d") == "EISDIR"
        assert outcome(lambda d: os.stat(d / "empty" / "x"), mount.path / "r") == "ENOTDIR"
