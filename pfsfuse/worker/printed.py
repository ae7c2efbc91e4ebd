"""What a command printed, kept in a file that cannot grow without end.

    the first HEAD bytes │ "pfs: N bytes left out here" │ at least the last TAIL bytes

The statement is there only once something has been left out; it has one width, so that N can be written over. When the
file reaches MOST bytes, what lies between head and tail is dropped and the tail moves up. So the file is good to read
at any moment, nothing is held in memory, and of 1 GiB of output 1.5 times as much is written.

Whoever reads along counts in what was *printed*, the bytes left out included: `read_left_out` before and after a read
tells whether the tail has moved meanwhile. For that the file is cut before it is written over, statement first.

Beside it, in `<file>.times`, lines of `offset time` say when what begins at that offset came, to about SPACING seconds:
a line's time is that of the last offset before it. Without that file all of it came when the log was last written.
"""

from __future__ import annotations

import contextlib
import os
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

HEAD = 4 << 20
TAIL = 4 << 20
MOST = 16 << 20
SPACING = 0.2
MARKS = 20_000
"""Times that are kept of one log; then every second one is let go, again and again."""

_STATEMENT = b"\npfs: %20d bytes left out here\n"
STATEMENT_BYTES = len(_STATEMENT % 0)

Mark = tuple[int, int]
"""An offset, and the Unix time in ns at which what begins there came."""


class Printed:
    """The log of a running command, appended to. A disk that is full costs lines, not the command."""

    def __init__(
        self, path: Path, now_ns: Callable[[], int], *, head: int = HEAD, tail: int = TAIL, most: int = MOST
    ) -> None:
        self._path, self._now_ns = path, now_ns
        self._head, self._tail, self._most = head, tail, most
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
        self._left_out = read_left_out(self._file, head)
        self._marks = read_marks(path) if self._size else []

    def write(self, data: bytes) -> None:
        """Append. What the disk does not take is lost."""
        with contextlib.suppress(OSError):
            now_ns = self._now_ns()
            if not self._marks or now_ns - self._marks[-1][1] >= SPACING * 1e9:
                self._mark(now_ns)
            if self._size + len(data) > self._most:
                self._drop_middle()
            os.pwrite(self._file, data, self._size)
            self._size += len(data)

    def close(self) -> None:
        os.close(self._file)

    def _mark(self, now_ns: int) -> None:
        self._marks.append((self._size, now_ns))
        if len(self._marks) > MARKS:
            del self._marks[1::2]
            self._write_marks()
        elif len(self._marks) == 2:
            self._write_marks()  # of a single one the log's own time says enough
        elif len(self._marks) > 2:
            with open(times_path(self._path), "ab") as file:
                file.write(b"%d %d\n" % self._marks[-1])

    def _drop_middle(self) -> None:
        body = self._head + (STATEMENT_BYTES if self._left_out else 0)
        kept = os.pread(self._file, self._tail, max(body, self._size - self._tail))
        newline = kept.find(b"\n", 0, 1 << 16)
        kept = kept[newline + 1 :]  # from the beginning of a line, if one begins soon
        dropped = self._size - len(kept) - body
        if dropped <= 0:
            return
        self._left_out += dropped
        start = self._head + STATEMENT_BYTES
        os.ftruncate(self._file, start + len(kept))
        os.pwrite(self._file, _STATEMENT % self._left_out + kept, self._head)
        shift = self._size - len(kept) - start
        self._size = start + len(kept)
        head = [mark for mark in self._marks if mark[0] < self._head]
        last = bisect_right([at for at, _ in self._marks], start + shift)
        came_ns = self._marks[last - 1][1]
        later = [(at - shift, ns) for at, ns in self._marks[last:]]
        self._marks = [*head, (start, came_ns), *later]
        self._write_marks()

    def _write_marks(self) -> None:
        times_path(self._path).write_bytes(b"".join(b"%d %d\n" % mark for mark in self._marks))


def read_left_out(file: int, head: int = HEAD) -> int:
    """How many bytes have been left out after the first `head` of a log that is open."""
    found = os.pread(file, STATEMENT_BYTES, head)
    before, _, after = (_STATEMENT % 0).partition(b"%20d" % 0)
    if len(found) == STATEMENT_BYTES and found.startswith(before) and found.endswith(after):
        number = found[len(before) : -len(after)].strip()
        return int(number) if number.isdigit() else 0
    return 0


def times_path(log: Path) -> Path:
    """Where the times of a log's lines are."""
    return log.with_name(log.name + ".times")


def read_marks(log: Path) -> list[Mark]:
    """The times of a log, in the order of offsets; at least one if the log is there. What is damaged is left out."""
    marks: list[Mark] = []
    with contextlib.suppress(OSError):
        for line in times_path(log).read_bytes().splitlines():
            at, _, ns = line.partition(b" ")
            if at.isdigit() and ns.isdigit():
                marks.append((int(at), int(ns)))
    if not marks:
        with contextlib.suppress(OSError):
            marks.append((0, log.stat().st_mtime_ns))
    return sorted(marks)
