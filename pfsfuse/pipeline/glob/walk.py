"""The matches of a glob in a commit, found by looking only where they can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import store
from pfsfuse.pipeline.glob.pattern import Glob

if TYPE_CHECKING:
    from pfsfuse.pipeline.glob.machine import State
    from store import Commit, Entry


def iter_matches(commit: Commit, glob: Glob) -> Iterator[tuple[bytes, Entry]]:
    """The path and entry of every file, directory and symlink of `commit` that matches, the root being b"".

    In path order: names in byte order, a directory before what is in it. Directories are read as the matches are
    taken, and only those that can hold one; a directory of which the glob names the entries (`/2016/{07,08}/*`) is
    not listed at all.
    """
    machine = glob.machine
    if machine.start.accepts:
        yield b"", commit.tree
    # A stack and not recursion: repos may be deeper than Python's.
    below = machine.read(machine.start, "/")
    open_directories = [] if below.dead else [_candidates(commit, glob, b"", below)]
    while open_directories:
        for path, entry, state in open_directories[-1]:
            if state.accepts:
                yield path, entry
            if entry.is_dir and not (below := machine.read(state, "/")).dead:
                open_directories.append(_candidates(commit, glob, path, below))
                break
        else:
            open_directories.pop()


def _candidates(
    commit: Commit, glob: Glob, directory: bytes, state: State
) -> Iterator[tuple[bytes, Entry, State]]:
    """The entries of `directory` that match or can hold matches, in name order; `state` has read its "/"."""
    prefix = directory + b"/" if directory else b""
    names = glob.machine.names(state)
    for entry in commit.list(directory) if names is None else _named(commit, prefix, names):
        after = glob.machine.read(state, entry.name.decode("utf-8", "surrogateescape"))
        if not after.dead:
            yield prefix + entry.name, entry, after


def _named(commit: Commit, prefix: bytes, names: list[str]) -> Iterator[Entry]:
    for name in sorted(name.encode("utf-8", "surrogateescape") for name in names):
        if len(name) <= store.names.MAX_NAME and (entry := commit.find(prefix + name)) is not None:
            yield entry
