"""What the kernel keeps for a file system: locks of files, and who is told of changes."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from pfsfuse.testing.mounted import Mounted
from store import Repo

pytestmark = pytest.mark.usefixtures("fuse")

_libc = ctypes.CDLL(None, use_errno=True)
EVENT = struct.Struct("iIII")
MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 2, 4, 8, 0x40, 0x80, 0x100, 0x200
OF_A_DIRECTORY = 0x40000000

Lock = Callable[[IO[str], int], None]


def whole(file: IO[str], how: int) -> None:
    fcntl.flock(file, how)


def part(file: IO[str], how: int) -> None:
    fcntl.lockf(file, how, 10, 20)


CODE = {"whole": "fcntl.flock(file, how)", "part": "fcntl.lockf(file, how, 10, 25)"}


def is_free(path: Path, lock: Lock) -> bool:
    """Whether another process gets the lock."""
    given = "file, how = open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB"
    code = f"import fcntl, sys\n{given}\n{CODE[lock.__name__]}"
    return subprocess.run([sys.executable, "-c", code, path], capture_output=True).returncode == 0


@pytest.mark.parametrize("lock", [whole, part])
def test_a_lock_keeps_other_processes_out_until_it_is_let_go_of_through_a_commit_too(
    lock: Lock, trips: Repo, mount: Mounted, branch: Path
) -> None:
    (branch / "file").write_text("x" * 100)
    with open(branch / "file", "r+") as file:
        lock(file, fcntl.LOCK_EX)
        assert not is_free(branch / "file", lock)
        mount.stage()
        trips.commit_draft(message="locked")
        mount.refresh()
        assert not is_free(branch / "file", lock)
        lock(file, fcntl.LOCK_UN)
        assert is_free(branch / "file", lock)


@pytest.fixture
def events(branch: Path) -> Iterator[Callable[[], list[tuple[int, bytes]]]]:
    """What is told of the branch's directory: kinds and names."""
    descriptor = _libc.inotify_init1(os.O_NONBLOCK)
    wanted = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE
    assert _libc.inotify_add_watch(descriptor, os.fsencode(branch), wanted) >= 0

    def read() -> list[tuple[int, bytes]]:
        data, found = os.read(descriptor, 65536), []
        while data:
            _, kind, _, length = EVENT.unpack_from(data)
            found.append((kind, data[EVENT.size : EVENT.size + length].rstrip(b"\0")))
            data = data[EVENT.size + length :]
        return found

    yield read
    os.close(descriptor)


def test_who_watches_a_directory_is_told_of_what_is_done_through_the_mount(
    branch: Path, events: Callable[[], list[tuple[int, bytes]]]
) -> None:
    (branch / "file").write_text("1")
    os.rename(branch / "file", branch / "moved")
    os.chmod(branch / "moved", 0o600)
    os.unlink(branch / "moved")
    os.mkdir(branch / "directory")
    assert events() == [
        (CREATE, b"file"),
        (MODIFY, b"file"),
        (CLOSE_WRITE, b"file"),
        (MOVED_FROM, b"file"),
        (MOVED_TO, b"moved"),
        (ATTRIB, b"moved"),
        (DELETE, b"moved"),
        (CREATE | OF_A_DIRECTORY, b"directory"),
    ]
