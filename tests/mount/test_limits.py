"""As far as it goes: long paths, many open files, many processes at once, and a daemon that stands still."""

from __future__ import annotations

import mmap
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import Mounted
from pfsfuse.testing.posix import outcome
from store import Repo

pytestmark = pytest.mark.usefixtures("fuse")

OPEN_FILES = 10_000
PROCESSES = 64
NAME = "n" * 255


def test_paths_of_4096_bytes_are_reached_and_longer_ones_are_the_kernels_to_refuse(
    branch: Path, mount: Mounted
) -> None:
    at = os.open(branch, os.O_RDONLY)
    for _ in range(20):  # 5,120 bytes deep, which no single path can name
        os.mkdir(NAME, dir_fd=at)
        below = os.open(NAME, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    with open(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=at), "w") as file:
        file.write("deep")
    mount.stage()
    with open(os.open("file", os.O_RDONLY, dir_fd=at)) as file:
        assert file.read() == "deep"
    os.close(at)
    short = os.fspath(branch / "x")
    longest = "/" * (4095 - len(short)) + short
    assert outcome(lambda path: os.close(os.open(path, os.O_CREAT)), longest) == ""
    assert outcome(os.stat, "/" + longest) == "ENAMETOOLONG"


def test_names_end_at_255_bytes(branch: Path) -> None:
    assert outcome(os.mkdir, branch / NAME) == ""
    for call in (os.mkdir, os.stat, os.unlink, lambda path: os.symlink("x", path)):
        assert outcome(call, branch / (NAME + "n")) == "ENAMETOOLONG"
    assert outcome(lambda path: os.rename(branch / NAME, path), branch / (NAME + "n")) == "ENAMETOOLONG"


@pytest.mark.slow
def test_ten_thousand_files_are_open_at_once_and_written_and_read(
    trips: Repo, branch: Path, mount: Mounted
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < OPEN_FILES + 200:
        pytest.skip(f"this machine allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[int] = []
    try:
        for number in range(OPEN_FILES):
            held.append(os.open(branch / str(number), os.O_RDWR | os.O_CREAT))
        for number in range(0, OPEN_FILES, 100):
            os.write(held[number], b"%d" % number)
        assert os.pread(held[500], 10, 0) == b"500"
        assert len(os.listdir(branch)) == OPEN_FILES
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


HAMMER = """
import os, sys
directory, number = sys.argv[1:]
os.chdir(directory)
log = os.open("log", os.O_WRONLY | os.O_APPEND)
for turn in range(5):
    name = f"{number}.{turn}"
    with open(name, "w") as file:
        file.write(name * 100)
    os.rename(name, name + ".done")
    os.write(log, (name + "\\n").encode())
    assert name + ".done" in os.listdir(".")
    with open(name + ".done") as file:
        assert file.read() == name * 100
    if turn % 2:
        os.unlink(name + ".done")
"""


@pytest.mark.slow
def test_many_processes_write_read_rename_and_append_in_one_directory(branch: Path, mount: Mounted) -> None:
    (branch / "log").touch()
    started = [
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", HAMMER, branch, str(number)], stderr=subprocess.PIPE
        )
        for number in range(PROCESSES)
    ]
    mount.stage()
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert [error for error, code in ended if code] == []
    expected = {f"{number}.{turn}" for number in range(PROCESSES) for turn in range(5)}
    assert sorted((branch / "log").read_text().split()) == sorted(expected)
    left = {f"{name}.done" for name in expected if int(name.partition(".")[2]) % 2 == 0}
    assert set(os.listdir(branch)) == left | {"log"}


def test_who_asks_a_daemon_that_stands_still_waits_and_gets_the_answer(branch: Path, mount: Mounted) -> None:
    (branch / "file").write_text("before")
    os.kill(mount.process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, mount.process.pid, os.WSTOPPED)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append((branch / "file").read_text()))
    thread.start()
    thread.join(0.2)
    assert answers == [] and thread.is_alive()
    os.kill(mount.process.pid, signal.SIGCONT)
    thread.join(60)
    assert answers == ["before"]


def test_what_is_written_through_a_shared_map_is_in_the_file_and_in_the_store(
    trips: Repo, branch: Path, mount: Mounted
) -> None:
    (branch / "file").write_bytes(bytes(3 * mmap.PAGESIZE))
    mount.stage()
    with open(branch / "file", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[5:10] = b"hello"
        mapped[-5:] = b"there"
        mapped.flush()  # msync
        assert os.pread(file.fileno(), 5, 5) == b"hello"
        mount.stage()
        mapped[0:4] = b"more"
        mapped.flush()
    expected = b"more\0hello" + bytes(3 * mmap.PAGESIZE - 15) + b"there"
    assert (branch / "file").read_bytes() == expected
    mount.stage()
    assert trips.drafts()[0].read("file") == expected


def test_a_program_may_read_and_write_past_the_page_cache(branch: Path) -> None:
    block = mmap.mmap(-1, 4096)  # aligned, as the flag wants it
    block.write(b"direct" * 682 + b"....")
    descriptor = os.open(branch / "file", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    assert os.pwritev(descriptor, [block], 4096) == 4096
    back = mmap.mmap(-1, 4096)
    assert os.preadv(descriptor, [back], 4096) == 4096
    os.close(descriptor)
    assert back[:] == block[:]
    assert (branch / "file").read_bytes() == bytes(4096) + block[:]


def test_a_file_without_a_name_is_refused_and_tempfile_makes_do(branch: Path) -> None:
    import tempfile

    assert outcome(lambda path: os.open(path, os.O_TMPFILE | os.O_RDWR), branch) == "ENOTSUP"
    with tempfile.TemporaryFile(dir=branch) as file:
        file.write(b"1")
    assert os.listdir(branch) == []
