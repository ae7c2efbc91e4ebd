"""Where daemons are found: `<store>/run/<pid>.sock`, 0600 in a directory of 0700; and where they write their log.

A socket gets this name when it listens already. So one that refuses connections belongs to nobody, though there be a
process of that pid: the machine was started anew since, or the store is a copy of one that was mounted.

The kernel takes addresses of at most 107 bytes, and stores may lie deeper than that. So the directory is opened and
the socket is named through it, `/proc/self/fd/<n>/<pid>.sock`, whatever the length of the store's path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pfsfuse.processes import is_alive

SUFFIX = ".sock"
NEXT = ".new"
"""The suffix of a socket that does not listen yet."""


def run_directory(store_path: Path) -> Path:
    return store_path / "run"


def log_path(store_path: Path) -> Path:
    """What daemons in the background print."""
    return store_path / "logs" / "daemon.log"


@contextmanager
def open_address(store_path: Path, pid: int, suffix: str = SUFFIX) -> Iterator[str]:
    """The address of the daemon `pid`; good for bind and connect as long as the context lasts.

    Raises FileNotFoundError when the store has no `run` directory.
    """
    directory = os.open(run_directory(store_path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{pid}{suffix}"
    finally:
        os.close(directory)


def socket_path(store_path: Path, pid: int, suffix: str = SUFFIX) -> Path:
    return run_directory(store_path) / f"{pid}{suffix}"


def pids(store_path: Path, suffix: str = SUFFIX) -> list[int]:
    """The processes that have a socket here, alive or not, in ascending order."""
    try:
        names = os.listdir(run_directory(store_path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return sorted(int(stem) for stem in found if stem.isascii() and stem.isdigit())


def sweep(store_path: Path) -> None:
    """Remove the sockets of processes that are gone."""
    for suffix in (SUFFIX, NEXT):
        for pid in pids(store_path, suffix):
            if not is_alive(pid):
                socket_path(store_path, pid, suffix).unlink(missing_ok=True)
