"""Writing files and directories of a commit to the host's file system, on all cores.

Symlinks in a commit are data: they are written as they are and never followed. Everything is made below a
directory that is opened once, name by name without following links, so that nothing in a commit, and nobody who swaps a
directory for a link meanwhile, can lead a write elsewhere.

One thread walks the tree and makes directories and symlinks; the crew (`crew.py`) makes the files, small ones many at a
time, large ones in blocks. A directory gets its mode and mtime when the last name in it has been made.
"""

from __future__ import annotations

import contextlib
import os
from itertools import chain
from pathlib import Path

from store.records import Entry
from store.transfer.crew import Crew, Large, Progress, Small
from store.transfer.host import Directory, is_whole, make_anew
from store.trees import Trees

BLOCK = 4 << 20
"""Bytes that one thread reads and writes at a time; a larger file is written in blocks by several."""
BUNCH, BUNCH_BYTES = 64, 1 << 20
"""Small files that a thread makes in one go, and their bytes together: read in one transaction."""


def export(
    trees: Trees,
    entry: Entry,
    target: str | Path,
    *,
    threads: int | None = None,
    sparse: bool = False,
    resume: bool = False,
    progress: Progress = lambda files, size: None,
) -> None:
    """Write `entry` (a file, a symlink, or a directory with everything below) as the host's path `target`.

    Modes, mtimes and symlinks are kept, but setuid and setgid. A file or symlink that is there is replaced; an existing
    directory is filled. In files of more than 4 MiB, zeros that are chunks of their own are not written and become
    holes: all but the edges of runs of half a MiB. With `sparse`, all runs of 64 KiB and more do. With `resume`,
    a file that is there with the same size, mode and mtime is taken to be whole: its mtime is the last thing a file
    gets. `progress` is told how many files and bytes more are done, block by block, by one thread at a time. Memory: a
    few blocks for each of `threads` (None: one for each core).

    Does not wait for the disk, as cp does not: what must survive power loss is to be synced afterwards. Raises OSError
    and Corrupt; then part of it may have been written, and no thread is at work any more.
    """
    parent, name = os.path.split(os.path.abspath(os.fsencode(target)))
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    root = Directory(descriptor, None, fresh=False)
    with Crew(trees, threads or os.cpu_count() or 1, sparse, progress) as crew:
        try:
            _Walk(trees, crew, resume).write(entry, root, name)
        finally:
            root.release()


class _Walk:
    """Goes through a tree in the order of names and hands its files to the crew."""

    def __init__(self, trees: Trees, crew: Crew, resume: bool) -> None:
        self._trees, self._crew, self._resume = trees, crew, resume

    def write(self, entry: Entry, parent: Directory, name: bytes) -> None:
        if entry.is_dir:
            self._directory(entry, parent, name)
        elif entry.is_symlink:
            self._symlink(entry, parent, name)
        else:
            self._files([entry.renamed(name)], parent)

    def _directory(self, entry: Entry, parent: Directory, name: bytes) -> None:
        fresh = False
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent.descriptor)
            fresh = True
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(name, flags, dir_fd=parent.descriptor)
        except NotADirectoryError as error:  # also what O_NOFOLLOW says of a link
            raise OSError(
                error.errno, "it is no directory, and a directory is to be written there", name
            ) from None
        here = Directory(descriptor, entry, fresh=fresh)
        try:
            if not fresh:
                os.fchmod(descriptor, 0o700)  # what an interrupted copy left may be read-only already
            bunch: list[Entry] = []
            size = 0
            for below in self._trees.iter_directory(entry):
                if not below.is_file:
                    self.write(below, here, below.name)
                    continue
                bunch.append(below)
                size += below.size
                if len(bunch) >= BUNCH or size >= BUNCH_BYTES:
                    self._files(bunch, here)
                    bunch, size = [], 0
            self._files(bunch, here)
        finally:
            here.release()

    def _symlink(self, entry: Entry, parent: Directory, name: bytes) -> None:
        if not parent.fresh:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent.descriptor)
        os.symlink(entry.target or b"", name, dir_fd=parent.descriptor)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent.descriptor, follow_symlinks=False)
        self._crew.tell(1, entry.size)

    def _files(self, files: list[Entry], directory: Directory) -> None:
        if self._resume and not directory.fresh:
            whole = [entry for entry in files if is_whole(entry, directory)]
            if whole:
                self._crew.tell(len(whole), sum(entry.size for entry in whole))
                files = [entry for entry in files if entry not in whole]
        if small := [entry for entry in files if entry.size <= BLOCK]:
            self._crew.put(Small(directory, small))
        for entry in files:
            if entry.size > BLOCK:
                self._large(entry, directory)

    def _large(self, entry: Entry, directory: Directory) -> None:
        file = Large(make_anew(entry.name, directory), entry, directory)
        skipped = files = at = 0
        try:
            for start, end in chain(self._trees.iter_data(entry), [(entry.size, entry.size)]):
                skipped += start - at
                self._crew.tell(0, start - at)
                for offset in range(start, end, BLOCK):
                    self._crew.put(file.block(offset, min(BLOCK, end - offset)))
                at = end
        finally:
            files = file.release(skipped)
        self._crew.tell(files, 0)
