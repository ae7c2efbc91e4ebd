"""To a directory of this host.

Each file is written beside its place and renamed into it, so that who reads sees the old one or the new one. Files
whose size and time are those of the commit are left alone: a repeated push costs what has changed.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from pfsfuse.egress.errors import EgressError
from store import Commit, Entry

BESIDE = b".pfs-egress-"
"""Begins the name of a file that is being written. One left by a crash is overwritten by the next push."""


def push(commit: Commit, url: str, between: Callable[[], None]) -> None:
    """As `egress.push`. Directories, modes, times and symlinks are kept."""
    top = os.fsencode(unquote(urlsplit(url).path))
    try:
        os.makedirs(top, exist_ok=True)
        for path, entry in commit.walk():
            between()
            target = os.path.join(top, path)
            if entry.is_dir:
                _make_directory(target)
            elif entry.target is not None:
                _link(target, entry.target)
            elif not _is_there(target, entry):
                _write(commit, path, entry, target)
    except OSError as error:
        raise EgressError(f"egress to {url}: {error}") from None


def _make_directory(target: bytes) -> None:
    if os.path.islink(target):
        os.unlink(target)  # an earlier commit's: what is written below it would land elsewhere
    os.makedirs(target, exist_ok=True)


def _link(target: bytes, points_to: bytes) -> None:
    if not (os.path.islink(target) and os.readlink(target) == points_to):
        beside = _beside(target)
        if os.path.lexists(beside):
            os.unlink(beside)
        os.symlink(points_to, beside)
        os.replace(beside, target)


def _is_there(target: bytes, entry: Entry) -> bool:
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and (found.st_size, found.st_mtime_ns) == (entry.size, entry.mtime_ns)


def _write(commit: Commit, path: bytes, entry: Entry, target: bytes) -> None:
    beside = _beside(target)
    if os.path.islink(beside):
        os.unlink(beside)
    with commit.open(path) as source, open(beside, "wb") as written:
        shutil.copyfileobj(source, written, 1 << 20)
        os.fchmod(written.fileno(), entry.mode & 0o777)
        written.flush()
        os.fsync(written.fileno())
    os.utime(beside, ns=(entry.mtime_ns, entry.mtime_ns))
    os.replace(beside, target)


def _beside(target: bytes) -> bytes:
    directory, name = os.path.split(target)
    return os.path.join(directory, BESIDE + name[: 255 - len(BESIDE)])
