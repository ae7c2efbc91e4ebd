"""A line on stderr that says how far a long copy is; only on a terminal, and only when it takes a while."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import SEEK_SET, RawIOBase
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from pfsfuse.cli.shared.text import size, span

if TYPE_CHECKING:
    from pfsfuse.worktree.progress import Staging

PATIENCE_SECONDS = 0.5
"""Whatever ends sooner needs no progress bar."""
EVERY_SECONDS = 0.1
BAR = 24


class Progress:
    """Counts files and bytes, and shows them when `stream` is there."""

    def __init__(self, label: str, total: int | None, stream: TextIO | None) -> None:
        self._label, self._stream = label, stream
        self.total = total
        """The bytes there are; None: not known, or not yet."""
        self.stored: Callable[[], int] | None = None
        """Gives the bytes that were new to the store, compressed."""
        self._done = self._files = self._of = 0
        self._start = time.monotonic()
        self._next = self._start + PATIENCE_SECONDS
        self._shown = False

    @property
    def shown(self) -> bool:
        """Whether anybody looks."""
        return self._stream is not None

    def add(self, count: int) -> None:
        """So many bytes more are done."""
        self.tell(0, count)

    def tell(self, files: int, count: int) -> None:
        """So many files, and so many bytes, more are done."""
        self._files += files
        self._done += count
        self._show()

    def reach(self, staging: Staging) -> None:
        """So far is what is counted by files."""
        self._files, self._of, self._done = staging.files, staging.total, staging.size
        self._show()

    def _show(self) -> None:
        if self._stream is not None and (now := time.monotonic()) >= self._next:
            self._next = now + EVERY_SECONDS
            self._write(self.line(now - self._start))
            self._shown = True

    def line(self, seconds: float) -> str:
        """`put  [=====>    ]  1.2 GiB of 2.0 GiB  3,120 files  310 MiB/s  620 MiB new  2.6 s left`"""
        if self._of:
            return self._line_of_files(seconds)
        rate = self._done / seconds if seconds else 0.0
        parts = [self._label]
        share = min(self._done / self.total, 1.0) if self.total else None
        if share is not None and self.total is not None:
            bar = "=" * round(share * BAR)
            parts += [f"[{bar.ljust(BAR)}]", f"{size(self._done)} of {size(self.total)}"]
        else:
            parts.append(size(self._done))
        if self._files > 1:
            parts.append(f"{self._files:,} files")
        parts.append(f"{size(round(rate))}/s")
        if self.stored is not None:
            parts.append(f"{size(self.stored())} new")
        if rate and share is not None and self.total is not None and share < 1:
            parts.append(f"{span((self.total - self._done) / rate)} left")
        return "  ".join(parts)

    def _line_of_files(self, seconds: float) -> str:
        """`stage  [=====>    ]  120,000 of 764,218 files  35 MiB  12,000 files/s  53.7 s left`"""
        share, rate = min(self._files / self._of, 1.0), self._files / seconds if seconds else 0.0
        bar = f"[{('=' * round(share * BAR)).ljust(BAR)}]"
        parts = [self._label, bar, f"{self._files:,} of {self._of:,} files", size(self._done)]
        if rate:
            parts += [f"{round(rate):,} files/s"]
            parts += [f"{span((self._of - self._files) / rate)} left"] if share < 1 else []
        return "  ".join(parts)

    def clear(self) -> None:
        if self._shown:
            self._write("")

    def reading(self, source: BinaryIO | RawIOBase) -> BinaryIO:
        """`source`, counted as it is read."""
        return cast(BinaryIO, source if self._stream is None else Counted(source, self))

    def _write(self, text: str) -> None:
        assert self._stream is not None
        import shutil

        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r\x1b[K{text[:width]}")
        self._stream.flush()


class Counted(RawIOBase):
    """A stream that reports to a progress line what is read from it."""

    def __init__(self, source: BinaryIO | RawIOBase, progress: Progress) -> None:
        self._source, self._progress = source, progress

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._source.seekable()

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        return self._source.seek(offset, whence)

    def read(self, count: int | None = -1, /) -> bytes:
        piece = self._source.read(-1 if count is None else count) or b""
        self._progress.add(len(piece))
        return piece

    def readinto(self, buffer: memoryview | bytearray, /) -> int:  # type: ignore[override]  # narrower than Buffer
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def open_progress(label: str, total: int | None) -> Iterator[Progress]:
    """A progress line for one copy, gone from the terminal when it ends in whatever way."""
    stream = sys.stderr if sys.stderr.isatty() else None
    progress = Progress(label, total, stream)
    try:
        yield progress
    finally:
        progress.clear()
