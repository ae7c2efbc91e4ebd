"""What a tree means, in nested dictionaries: slow, obvious, and the judge of the real one.

A model tree maps a name to a `File`, a `Link` or another model tree.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from store.commit import Commit
from store.ids import digest
from store.records import Entry


@dataclass(frozen=True, slots=True)
class File:
    """A file's bytes and permission bits."""

    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Link:
    """A symlink's target."""

    target: bytes


Tree = dict[bytes, "File | Link | Tree"]
Thing = File | Link | Tree


def put(tree: Tree, path: bytes, thing: Thing | None) -> Tree:
    """A copy of `tree` with `thing` at `path`, directories made as needed; None removes."""
    first, _, rest = path.partition(b"/")
    copy = dict(tree)
    below = tree.get(first)
    if rest:
        copy[first] = put(below if isinstance(below, dict) else {}, rest, thing)
    elif thing is None:
        copy.pop(first, None)
    else:
        copy[first] = thing
    return copy


def find(tree: Tree, path: bytes) -> Thing | None:
    """What is at `path`, or None."""
    here: Thing | None = tree
    for name in path.split(b"/") if path else ():
        here = here.get(name) if isinstance(here, dict) else None
    return here


def walk(tree: Tree, path: bytes = b"") -> Iterator[tuple[bytes, Thing]]:
    """Everything below with its path: depth first, names in order."""
    for name in sorted(tree):
        below = path + b"/" + name if path else name
        yield below, tree[name]
        if isinstance(there := tree[name], dict):
            yield from walk(there, below)


def merge(base: Thing | None, ours: Thing | None, theirs: Thing | None) -> Thing | None:
    """The three-way merge of what stands in one place (None: nothing), with theirs where both changed the same."""
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    folders = [each for each in (ours, theirs) if isinstance(each, dict)]
    if len(folders) == 2 or (isinstance(base, dict) and folders and None in (ours, theirs)):
        before, mine, other = (each if isinstance(each, dict) else {} for each in (base, ours, theirs))
        found = {
            name: merge(before.get(name), mine.get(name), other.get(name))
            for name in {*before, *mine, *other}
        }
        merged = {name: thing for name, thing in found.items() if thing is not None}
        return merged if merged or len(folders) == 2 else None
    if isinstance(base, File) and isinstance(ours, File) and isinstance(theirs, File):
        data = _part(base.data, ours.data, theirs.data)
        mode = _part(base.mode, ours.mode, theirs.mode)
        if data is not None and mode is not None:
            return File(data, mode)
    return theirs


Part = TypeVar("Part", bytes, int)


def _part(base: Part, ours: Part, theirs: Part) -> Part | None:
    """What a merge makes of one part of a file; None: both changed it."""
    if theirs in (ours, base):
        return ours
    return theirs if ours == base else None


def of(commit: Commit, path: bytes = b"") -> Tree:
    """The model of what a commit holds at the directory `path`, read through its front door."""
    tree: Tree = {}
    for entry in commit.list(path):
        below = path + b"/" + entry.name if path else entry.name
        if entry.is_dir:
            tree[entry.name] = of(commit, below)
        elif entry.is_symlink:
            tree[entry.name] = Link(entry.target or b"")
        else:
            tree[entry.name] = File(commit.read(below), stat.S_IMODE(entry.mode))
    return tree


def totals(tree: Tree) -> tuple[int, int]:
    """Files and symlinks below, and their bytes, counted one by one."""
    leaves = [thing for _, thing in walk(tree) if not isinstance(thing, dict)]
    return len(leaves), sum(len(leaf.data if isinstance(leaf, File) else leaf.target) for leaf in leaves)


def fingerprint(thing: Thing) -> bytes:
    """Equal exactly when kinds, exec bits and contents are equal: what `Entry.identity` promises to tell apart."""
    if isinstance(thing, dict):
        return digest(b"d", *(part for name in sorted(thing) for part in (name, fingerprint(thing[name]))))
    if isinstance(thing, Link):
        return digest(b"l", thing.target)
    return digest(b"x" if thing.mode & stat.S_IXUSR else b"f", thing.data)


def is_same(entry: Entry, thing: Thing) -> bool:
    """Whether `entry` could be `thing`: kind, permission bits and size."""
    if isinstance(thing, dict):
        return entry.is_dir
    if isinstance(thing, Link):
        return entry.is_symlink and entry.target == thing.target
    return entry.is_file and stat.S_IMODE(entry.mode) == thing.mode and entry.size == len(thing.data)
