"""Names on the host, made in directories that are held open: no path is ever looked up twice."""

from __future__ import annotations

import contextlib
import os
import stat
import threading

from store.records import Entry


class Directory:
    """A directory of the host, open until the last who needs it releases it: then it gets its mode and mtime."""

    def __init__(self, descriptor: int, entry: Entry | None, *, fresh: bool) -> None:
        """Takes over `descriptor`. `entry`: None for a directory that stays as it is."""
        self.descriptor, self._entry, self.fresh = descriptor, entry, fresh
        self._holders, self._lock = 1, threading.Lock()

    def hold(self) -> None:
        """One more `release` is needed."""
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        """Each holder does so once."""
        with self._lock:
            self._holders -= 1
            if self._holders:
                return
        try:
            if self._entry is not None:
                os.fchmod(self.descriptor, safe_mode(self._entry.mode))
                os.utime(self.descriptor, ns=(self._entry.mtime_ns, self._entry.mtime_ns))
        finally:
            os.close(self.descriptor)


def make_anew(name: bytes, directory: Directory) -> int:
    """A descriptor of the new, empty file `name`; what had the name is gone. Raises IsADirectoryError, OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    if not directory.fresh:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory.descriptor)
    return os.open(name, flags, 0o600, dir_fd=directory.descriptor)


def finish(descriptor: int, entry: Entry) -> None:
    """Give a file its mode and then, as the last thing, its mtime; close it."""
    try:
        os.fchmod(descriptor, safe_mode(entry.mode))
        os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
    finally:
        os.close(descriptor)


def is_whole(entry: Entry, directory: Directory) -> bool:
    """Whether the file `entry` stands in `directory` as `finish` leaves it."""
    try:
        found = os.stat(entry.name, dir_fd=directory.descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return False
    wanted = (stat.S_IFREG | safe_mode(entry.mode), entry.size, entry.mtime_ns)
    return (found.st_mode, found.st_size, found.st_mtime_ns) == wanted


def safe_mode(mode: int) -> int:
    """The permission bits without setuid and setgid: data from elsewhere gains no rights here."""
    return stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID)
