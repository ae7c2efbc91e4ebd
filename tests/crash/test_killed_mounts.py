"""A mount that is killed while programs write through it: what was acknowledged is there at the next one."""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
from pathlib import Path

import pytest

import store
from pfsfuse.fuse import unmount
from pfsfuse.testing.mounted import Mounted, mounted

ROUNDS = 12


def scribble(branch: Path, seed: int, done: dict[str, bytes | None], stop: threading.Event) -> None:
    """Make, append to, replace and remove files, and note each file's content once the call has returned."""
    rng = random.Random(seed)
    try:
        while not stop.is_set():
            name = f"{seed}-{rng.randrange(6)}"
            path = branch / name
            match rng.randrange(4):
                case 0:
                    content = rng.randbytes(rng.choice((10, 5000, 70_000)))
                    fresh = branch / f"{name}.new"
                    done[fresh.name] = done[name] = b"?"  # whichever the kill leaves
                    with open(fresh, "wb") as file:
                        file.write(content)
                        os.fsync(file.fileno())
                    os.rename(fresh, path)
                    done[name], done[fresh.name] = content, None
                case 1 if isinstance(done.get(name), bytes) and done[name] != b"?":
                    old, more = done[name], rng.randbytes(3000)
                    done[name] = b"?"
                    with open(path, "ab") as file:
                        file.write(more)
                    done[name] = (old or b"") + more
                case 2 if isinstance(done.get(name), bytes) and done[name] != b"?":
                    done[name] = b"?"
                    os.unlink(path)
                    done[name] = None
                case _:
                    os.listdir(branch)
    except OSError as error:
        if error.errno not in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO):
            raise


@pytest.mark.slow
def test_what_was_written_is_there_after_the_mount_was_killed(tmp_path):
    where = tmp_path / "pfs"
    with store.create(tmp_path / "store") as opened:
        opened.create_repo("trips")
    done: list[dict[str, bytes | None]] = [{}, {}]
    for _ in range(ROUNDS):
        with mounted(tmp_path / "store", where, "--writable") as mount:
            for known in done:
                check(mount.path / "trips", known)
            play(mount, done)
        unmount(where)
    with mounted(tmp_path / "store", where, "--writable") as mount:
        mount.stage()
        for known in done:
            check(mount.path / "trips", known)


def play(mount: Mounted, done: list[dict[str, bytes | None]]) -> None:
    """Write with two threads, and kill the mount after a while that is never the same."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=scribble, args=(mount.path / "trips", seed, known, stop))
        for seed, known in enumerate(done)
    ]
    for thread in threads:
        thread.start()
    stop.wait(random.uniform(0.1, 0.6))
    os.kill(mount.process.pid, signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()
    mount.process.wait()


def check(branch: Path, known: dict[str, bytes | None]) -> None:
    for name, content in known.items():
        path = branch / name
        if content == b"?":
            continue
        assert path.exists() == (content is not None), name
        if content is not None:
            assert path.read_bytes() == content, name
    for name, content in list(known.items()):
        if content == b"?":  # from here on it is what it is
            path = branch / name
            known[name] = path.read_bytes() if path.exists() else None
