"""The scratch files of a working tree: which are there, which are open, and by how many."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from pfsfuse.worktree import holes
from pfsfuse.worktree.journal import sync_directory
from pfsfuse.worktree.model import File
from pfsfuse.worktree.scratch import WHOLE, Scratch
from store import Entry, Store

SPARES = 10_000
"""Scratch files that are kept, empty, to become others, at a few hundred bytes of the disk each. ext4 passes over every
inode that was freed in the last minute when it looks for one: after thousands of files were removed, making one took
0.2 to 1.3 ms of CPU instead of 0.08; taking one that is there takes 0.03."""
SPARE = "spare-"


class Files:
    """Scratch files in `directory`, each called by its file's number. Only those in use take a descriptor.

    Who has which open may change in a thread that stages while the loop goes on, so all that is under a lock.
    """

    def __init__(self, directory: Path, store: Store) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self._prefix = f"{directory}{os.sep}"
        self._store = store
        self._open: dict[int, Scratch] = {}
        self._users: dict[int, int] = {}
        self._lock = threading.RLock()
        self._unsynced: set[int] = set()
        """Numbers of files whose name may not be on the disk yet."""
        self._gone: deque[int] = deque()
        """Numbers of files to be removed when there is time, and perhaps such as were made again since."""
        self._unwanted: set[int] = set()
        """Those of them that are still to be removed; one is taken out by who makes a file of that number."""
        self._spares: deque[str] = deque()
        """Names of files that are nobody's, to become others."""
        self._last_spare = 0
        self._sweeping = threading.Lock()
        """Held while one file is removed, and by who makes one that was to be removed."""
        self._closed = False
        self.writes = 0
        """Changes of bytes so far, of all files that were closed."""

    @cached_property
    def show_through(self) -> bool:
        """Whether holes may stand for what the store has. Tried once, when it matters first. Raises OSError."""
        return holes.are_told(self.directory)

    def make(self, number: int, base: Entry | None, *, hold: bool = False) -> int:
        """A new scratch file that reads as `base`; up to where that shows through. With `hold` it is open, and has its
        first user. Raises OSError.
        """
        if number in self._unwanted:
            with self._sweeping:
                self._unwanted.discard(number)
        whole = base is not None and base.size > WHOLE and not self.show_through
        if self._spares:
            with suppress(OSError):  # then a file is made
                os.rename(f"{self._prefix}{self._spares.popleft()}", self._path(number))
        scratch = Scratch.make(self._path(number), self._fetch, base, whole=whole)
        self._unsynced.add(number)
        if hold:
            with self._lock:
                self._open[number], self._users[number] = scratch, 1
        else:
            scratch.close()
        return scratch.shown

    def keep_only(self, numbers: Collection[int]) -> None:
        """What a crash has left of others is let go of, without waiting for it: there may be many."""
        left = []
        for name in os.listdir(self.directory):
            if name.startswith(SPARE):
                self._spares.append(name)
                self._last_spare = max(self._last_spare, int(name.removeprefix(SPARE)))
            elif not name.isdecimal():
                os.unlink(
                    f"{self._prefix}{name}"
                )  # it was about to take the place of another, or was tried out
            elif int(name) not in numbers:
                left.append(int(name))
        self.let_go(left)

    def remove(self, number: int) -> None:
        """Take the file away; nobody has it open."""
        self._unsynced.discard(number)
        with suppress(FileNotFoundError):
            os.unlink(self._path(number))

    def let_go(self, numbers: Collection[int]) -> None:
        """Nobody asks for these files, unless they are made anew: `sweep` is going to remove them, or whoever opens the
        working tree next lets go of them once more.
        """
        self._unwanted.update(numbers)
        self._gone.extend(numbers)

    def sweep(self) -> None:
        """Remove what was let go of, but for SPARES: 10 s for a million files. To be called in a thread; ends early
        when the working tree is closed.
        """
        while self._gone:
            number = self._gone.popleft()
            with self._sweeping:
                if self._closed:  # the number may stand for another file
                    return
                if number in self._unwanted:
                    if not self._spare(number):
                        self.remove(number)
                    self._unwanted.discard(number)

    def _spare(self, number: int) -> bool:
        """Keep a file that nobody wants, to become another one; False: there are enough, or it is not there."""
        if len(self._spares) >= SPARES:
            return False
        self._unsynced.discard(number)
        self._last_spare += 1
        name, path = f"{SPARE}{self._last_spare}", self._path(number)
        try:
            os.truncate(path, 0)
            os.rename(path, f"{self._prefix}{name}")
        except OSError:
            return False
        self._spares.append(name)
        return True

    def stat(self, number: int) -> os.stat_result:
        """Size and times of the file, open or not."""
        with self._lock:
            scratch = self._open.get(number)
            if scratch is not None:
                return scratch.stat()
        return os.stat(self._path(number))

    def open(self, file: File) -> Scratch:
        """The bytes of a file that is written; nobody counts as its user for that."""
        with self._lock:
            scratch = self._open.get(file.number)
            if scratch is None:
                base = file.entry if file.shown else None
                scratch = Scratch(self._path(file.number), self._fetch, base, file.shown or 0)
                self._open[file.number] = scratch
            return scratch

    def hold(self, number: int) -> None:
        """One user more."""
        with self._lock:
            self._users[number] = self._users.get(number, 0) + 1

    def release(self, number: int) -> bool:
        """One user less; whether it was the last, so that the scratch file was closed."""
        with self._lock:
            left = self._users.pop(number) - 1
            if left:
                self._users[number] = left
                return False
            if (scratch := self._open.pop(number, None)) is not None:
                self.writes += scratch.writes
                scratch.close()
            return True

    def drop(self, number: int) -> None:
        """Close the bytes of a file that has others from here on; its users stay its users.

        The scratch file stays, for a power cut may take back the record that says so; it is used again, or removed when
        the working tree is opened.
        """
        with self._lock:
            if (scratch := self._open.pop(number, None)) is not None:
                self.writes += scratch.writes
                scratch.close()

    def is_held(self, number: int) -> bool:
        return number in self._users

    def all_writes(self) -> int:
        """Changes of bytes so far: equal numbers say that nothing was written between."""
        with self._lock:
            return self.writes + sum(scratch.writes for scratch in self._open.values())

    def sync(self, file: File) -> None:
        """The file's bytes and its name survive the machine from here on."""
        scratch = self._open.get(file.number)
        if scratch is not None:
            scratch.sync()
        else:
            with open(self._path(file.number), "rb") as closed:
                os.fsync(closed.fileno())
        if file.number in self._unsynced:
            sync_directory(self.directory)
            self._unsynced.discard(file.number)

    def close(self) -> None:
        """Close all; the files stay."""
        with self._sweeping:
            self._closed = True
        for scratch in self._open.values():
            scratch.close()
        self._open.clear()
        self._users.clear()

    def _path(self, number: int) -> str:
        # No Path, which took a third of the time of listing what was made: 45 us a name with it, 27 without.
        return f"{self._prefix}{number}"

    def _fetch(self, entry: Entry, offset: int, size: int) -> bytes:
        return self._store.fetch(self._store.extents(entry, offset, size))
