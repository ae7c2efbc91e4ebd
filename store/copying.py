"""A copy of a store that is in use: one state of it, whole, while readers and writers go on.

    1. walk LMDB's pages, which says how much there is to copy, and that LMDB can read them
    2. write the pages in use to a file in a directory beside the destination, synced
    3. give the copy an id of its own, and check it
    4. rename the directory                                                 <- here the copy comes into being

A process that dies before 4 leaves a directory with a dot in front of its name, and nothing at the destination.

The copy has all repos, commits, drafts, pins and shelves of one moment. What a program on top keeps beside the database
stays behind: sockets (`run`), what was logged (`logs`), what jobs and services have not committed (`scratch`), what was
written through a mount and is not in a draft yet (`worktrees`). It has another id than the original: the two go
different ways, and what differs must not have one name. Commits keep their ids.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from store import fsck, header
from store.engine import Environment, Writing, acquire, compact, release
from store.errors import Corrupt
from store.placing import new_directory

PIECE = 1 << 20
"""Bytes to read from the pipe at a time; what it holds, if the kernel lets us."""
F_SETPIPE_SZ = 1031

Progress = Callable[[str, int, int], None]
"""Told what is being done ("bytes", then what a check says), how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was made."""

    path: Path
    size: int
    """Bytes of its database."""
    report: fsck.Report
    """What the check of the copy has found: nothing wrong."""


def copy(
    env: Environment,
    destination: str | Path,
    *,
    read_data: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Copied:
    """Copy the store to the new or empty directory `destination`, for this user only; durable on return.

    `read_data` verifies every byte of the copy. Raises Refused for a directory that has something in it, Full,
    NotWritable, and Corrupt when the store is damaged; then nothing is at `destination` that was not there before, but
    for missing parent directories, which may have been made.
    """
    where = Path(destination).absolute()
    with new_directory(where, outside=env.path) as made:
        room = compact.plan_compact(env)
        _write(env, made / "data.mdb", room.used, progress)
        report = _finish(made, read_data, progress)
        size = (made / "data.mdb").stat().st_size
    return Copied(where, size, report)


def _write(env: Environment, file: Path, total: int, progress: Progress) -> None:
    """Write the state of this moment to `file`, and sync it."""
    failures: list[BaseException] = []
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def dump() -> None:
        try:
            env.dump(writer)
        except BaseException as error:  # noqa: BLE001 - it is raised by the one who waits
            failures.append(error)
        finally:
            os.close(writer)

    _widen(reader)
    thread = threading.Thread(target=dump, name="store-copy")
    thread.start()
    done = 0
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
            while piece := os.read(reader, PIECE):
                out.write(piece)
                done += len(piece)
                progress("bytes", done, max(done, total))
            out.flush()
            os.fsync(out.fileno())
    finally:
        os.close(reader)  # ends the other side, if it is still at it
        thread.join()
    if failures:
        raise failures[0]


def _finish(made: Path, read_data: bool, progress: Progress) -> fsck.Report:
    """Give the copy its own id, and check it."""

    def rename(writing: Writing) -> None:
        header.put(writing, msgspec.structs.replace(header.get(writing), id=os.urandom(16)))

    env = acquire(made)
    try:
        env.write(rename)
        report = fsck.check(env, read_data=read_data, progress=progress)
    finally:
        release(env)
    if not report.sound:
        first = report.problems[0]
        count = len(report.problems) + report.unlisted
        raise Corrupt(first.record, f"{first.why} ({count} problems in all); the copy was taken away again")
    return report


def _widen(pipe: int) -> None:
    with contextlib.suppress(OSError):  # this user may have too many pipes; a small one is slower
        fcntl.fcntl(pipe, F_SETPIPE_SZ, PIECE)
