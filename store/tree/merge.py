"""Three-way merge of directories: two differences from one base, walked in step.

What ours changed is the difference from the base to ours, what theirs changed the one from the base to theirs. Both
come in the order of names and leave out what is equal, unopened (`diff.py`). For each name that either tells of:

    base    ours    theirs                  merged
    x       x       y           only theirs changed it: take theirs, a whole directory at once
    x       y       x           only ours changed it: ours stays
    x       y       y           both did the same: ours stays
    dir     dir'    dir''        go in; without a base, with an empty one
    dir     -       dir''        go in with nothing as ours: what theirs left alone stays deleted, what it added comes
    x       x+mode  y           a file's contents and its permissions are merged apart
    x       y       z           a conflict

What comes out turns ours into the merged directory, in the order of paths: a `Change` is carried out by removing its
path or putting `new` there, a directory with all that is in it (but where `old` and `new` are directories with one
content, only the permissions change). A directory that loses everything because one side deleted it is gone.

Times alone are no change. Conflicts are answers and never raised; `resolve` is asked about each and may take a side.

Invariant (property-tested): the result is what nested dictionaries give when they are merged name by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from heapq import merge as in_order

import msgspec

from store.ids import ObjectId
from store.records import EMPTY_DIRECTORY, Change, Entry, PathConflict
from store.tree.build import Load
from store.tree.diff import diff_names


class Side(Enum):
    """Which of the two a conflict is decided for."""

    OURS = "ours"
    THEIRS = "theirs"


Resolve = Callable[[PathConflict], Side | None]
"""Takes a side in a conflict; None leaves it one. Asked more than once about the same, it answers the same."""
Answer = Change | PathConflict


def merge(
    load: Load, base: Entry | None, ours: Entry | None, theirs: Entry | None, resolve: Resolve
) -> Iterator[Answer]:
    """What turns the directory `ours` into the merge with `theirs`, and the conflicts left; roots left out."""
    return _Merge(load, resolve).below(b"", base, ours, theirs)


class _Merge:
    def __init__(self, load: Load, resolve: Resolve) -> None:
        self._load, self._resolve = load, resolve

    def below(
        self, path: bytes, base: Entry | None, ours: Entry | None, theirs: Entry | None
    ) -> Iterator[Answer]:
        """The answers below three directories (what is none counts as an empty one)."""
        for name, b, o, t in self._names(base, ours, theirs):
            yield from self._name(path + b"/" + name if path else name, b, o, t)

    def _names(
        self, base: Entry | None, ours: Entry | None, theirs: Entry | None
    ) -> Iterator[tuple[bytes, Entry | None, Entry | None, Entry | None]]:
        """The names that differ from the base on either side, with the entry of each of the three."""
        left = ((_name(old, new), 0, old, new) for old, new in self._diff(base, ours))
        right = ((_name(old, new), 1, old, new) for old, new in self._diff(base, theirs))
        waiting: tuple[bytes, Entry | None, Entry | None] | None = None
        for name, side, old, new in in_order(left, right, key=lambda each: each[:2]):
            if waiting is not None and waiting[0] == name:
                yield name, old, waiting[2], new
                waiting = None
                continue
            if waiting is not None:
                yield waiting[0], waiting[1], waiting[2], waiting[1]
                waiting = None
            if side == 0:
                waiting = (name, old, new)
            else:
                yield name, old, old, new
        if waiting is not None:
            yield waiting[0], waiting[1], waiting[2], waiting[1]

    def _name(
        self, path: bytes, base: Entry | None, ours: Entry | None, theirs: Entry | None
    ) -> Iterator[Answer]:
        """The answers for one name and all below it."""
        if self._same(ours, theirs) or self._same(theirs, base):
            return
        if self._same(ours, base):
            yield Change(path, ours, theirs)
        elif _is_dir(ours) and _is_dir(theirs):
            yield from self._directories(path, base, ours, theirs)
        elif _is_dir(base) and _is_dir(theirs) and ours is None:
            yield from self._deleted_by_ours(path, base, theirs)
        elif _is_dir(base) and _is_dir(ours) and theirs is None:
            yield from self._deleted_by_theirs(path, base, ours)
        elif (mixed := _mixed(base, ours, theirs)) is not None:
            if not self._same(mixed, ours):
                yield Change(path, ours, mixed)
        else:
            yield from self._decided(PathConflict(path, base, ours, theirs, _kind(base, ours, theirs)))

    def _directories(
        self, path: bytes, base: Entry | None, ours: Entry | None, theirs: Entry | None
    ) -> Iterator[Answer]:
        assert ours is not None and theirs is not None, "both are directories"
        known = base if _is_dir(base) else None
        if _attributes(ours) != _attributes(theirs) and (known is None or not _kept(known, theirs)):
            taken = _with_attributes(ours, theirs)
            if known is not None and _kept(known, ours):
                yield Change(path, ours, taken)
            else:
                yield from self._decided(PathConflict(path, base, ours, theirs, "modes differ"), taken)
        yield from self.below(path, known, ours, theirs)

    def _deleted_by_ours(self, path: bytes, base: Entry | None, theirs: Entry | None) -> Iterator[Answer]:
        """Ours deleted a directory that theirs changed: it comes back when theirs has something new in it."""
        assert base is not None and theirs is not None, "both are directories"
        if not _kept(base, theirs):
            yield from self._decided(PathConflict(path, base, None, theirs, "deleted by ours"))
            return
        if self._survives(path, base, theirs, Side.OURS):
            yield Change(path, None, _emptied(theirs))
        yield from self.below(path, base, None, theirs)

    def _deleted_by_theirs(self, path: bytes, base: Entry | None, ours: Entry | None) -> Iterator[Answer]:
        """Theirs deleted a directory that ours changed: what ours left alone goes."""
        assert base is not None and ours is not None, "both are directories"
        if not _kept(base, ours):
            yield from self._decided(PathConflict(path, base, ours, None, "deleted by theirs"))
        elif self._survives(path, base, ours, Side.THEIRS):
            yield from self.below(path, base, ours, None)
        else:
            yield Change(path, ours, None)

    def _survives(self, path: bytes, base: Entry, kept: Entry, deleted_by: Side) -> bool:
        """Whether something is left of `kept` when the other side deleted the directory `base`."""
        for old, new in self._diff(base, kept):
            below = path + b"/" + _name(old, new)
            if new is None or self._same(old, new):
                continue
            if old is None:
                return True
            if old.is_dir and new.is_dir and _kept(old, new):
                if self._survives(below, old, new, deleted_by):
                    return True
                continue
            ours, theirs = (None, new) if deleted_by is Side.OURS else (new, None)
            side = self._resolve(PathConflict(below, old, ours, theirs, _kind(old, ours, theirs)))
            left = side is not deleted_by if deleted_by is Side.THEIRS else side is Side.THEIRS
            if left:
                return True
        return False

    def _decided(self, conflict: PathConflict, taken: Entry | None = None) -> Iterator[Answer]:
        """The conflict, or what taking theirs changes (`taken`, where that is not the entry of theirs)."""
        side = self._resolve(conflict)
        if side is None:
            yield conflict
        elif side is Side.THEIRS:
            yield Change(conflict.path, conflict.ours, taken if taken is not None else conflict.theirs)

    def _same(self, left: Entry | None, right: Entry | None) -> bool:
        """Whether nothing but times differs, in whole directories too."""
        if left is None or right is None:
            return left is right
        if _attributes(left) != _attributes(right) or left.is_dir != right.is_dir:
            return False
        if not left.is_dir:
            return _contents(left) == _contents(right)
        if left.digest != right.digest:
            return False
        return all(self._same(old, new) for old, new in self._diff(left, right))

    def _diff(self, old: Entry | None, new: Entry | None) -> Iterator[tuple[Entry | None, Entry | None]]:
        return diff_names(self._load, _root(old), _root(new))


def _mixed(base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Entry | None:
    """The file in which one side's contents meet the other side's permissions; None when that settles nothing."""
    if base is None or ours is None or theirs is None or base.is_dir or ours.is_dir or theirs.is_dir:
        return None
    if _contents(theirs) in (_contents(base), _contents(ours)):
        contents = ours
    elif _contents(ours) == _contents(base):
        contents = theirs
    else:
        return None
    if _attributes(theirs) in (_attributes(base), _attributes(ours)):
        attributes = ours
    elif _attributes(ours) == _attributes(base):
        attributes = theirs
    else:
        return None
    return _with_attributes(contents, attributes)


def _kind(base: Entry | None, ours: Entry | None, theirs: Entry | None) -> str:
    if ours is None:
        return "deleted by ours"
    if theirs is None:
        return "deleted by theirs"
    if ours.mode >> 12 != theirs.mode >> 12:
        return "kinds differ"
    return "both added" if base is None else "both modified"


def _contents(entry: Entry) -> tuple[int, bytes | None, int, bytes | None]:
    """Kind and contents, whatever the permissions."""
    return entry.mode >> 12, entry.content, entry.height, entry.target


def _attributes(entry: Entry) -> tuple[int, dict[bytes, bytes] | None]:
    """What an entry is beside its kind, contents and times."""
    return entry.mode & 0o7777, entry.xattrs


def _kept(base: Entry, side: Entry) -> bool:
    """Whether a side left the directory's own permissions alone."""
    return _attributes(base) == _attributes(side)


def _with_attributes(entry: Entry, source: Entry) -> Entry:
    mode = (entry.mode & ~0o7777) | (source.mode & 0o7777)
    return msgspec.structs.replace(entry, mode=mode, xattrs=source.xattrs)


def _emptied(directory: Entry) -> Entry:
    return msgspec.structs.replace(directory, size=0, content=None, height=0, files=0, digest=EMPTY_DIRECTORY)


def _is_dir(entry: Entry | None) -> bool:
    return entry is not None and entry.is_dir


def _root(entry: Entry | None) -> ObjectId | None:
    if entry is None or not entry.is_dir or entry.content is None:
        return None
    return ObjectId(entry.content)


def _name(old: Entry | None, new: Entry | None) -> bytes:
    named = old or new
    assert named is not None, "one side of a difference exists"
    return named.name
