"""The names of a working tree: what is different from the branch below, in memory, and how each record changes it.

    Folder(root)  on top of  the branch's tree       A name stands for an item or (None) for nothing. A folder that was
      ├── "a.csv"   -> File, with a scratch file     taken from the branch keeps looking at what the branch has in its
      ├── "old"     -> None                          place, so that new heads show through. One that was made or moved
      ├── "2016"    -> Folder                        looks at the entry that it was taken with, or at nothing.
      └── "moved"   -> Folder (looks at an entry)

Items have numbers: a file keeps its own wherever it is moved and while it is written. `Model.apply` carries out one
record of the journal and is the only way anything here changes, so that reading a journal again gives the same tree.

Pure: knows no files of the host; looks into the store through `Look`.
"""

from __future__ import annotations

import stat
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from pfsfuse.worktree.journal import Attribute, Begin, Change, Drop, Make, Move, Record, Swap, Take, Write
from store import Entry

ROOT = 0
"""The number of the root."""


class Look(Protocol):
    """What the model asks of a store."""

    def lookup(self, directory: Entry, name: bytes) -> Entry | None: ...

    def iter_directory(self, directory: Entry, *, after: bytes | None = None) -> Iterator[Entry]: ...


@dataclass(slots=True, eq=False)
class Item:
    """A file, a directory or a symlink of a working tree."""

    number: int
    mode: int
    """The whole st_mode."""
    mtime_ns: int | None
    """None: a file's is that of its scratch file, a directory's that of the entry below."""
    folder: Folder | None
    """Where it is; None for the root, and for what has no name any more."""
    name: bytes
    xattrs: dict[bytes, bytes] | None


@dataclass(slots=True, eq=False)
class File(Item):
    entry: Entry | None
    """The store's file that it was taken from; None: it was made here."""
    shown: int | None = None
    """None: nothing was written, it is `entry`. Else it has a scratch file, and `entry` shows through up to here."""


@dataclass(slots=True, eq=False)
class Symlink(Item):
    target: bytes


@dataclass(slots=True, eq=False)
class Folder(Item):
    below: Entry | None
    """The store's directory whose names show through; None: there is none."""
    follows: bool
    """Whether `below` is whatever the parent's `below` has under this name."""
    names: dict[bytes, Item | None] = field(default_factory=dict)
    """What is different: an item, or None for a name that is gone."""
    listed: Listed | None = None
    """The same in order, from the first listing until one of them changes."""


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """What is different in a folder at one moment, in order. Shared by all who list it until it changes."""

    names: list[bytes]
    items: list[Item | None]
    """What each of the names stands for."""

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Item | None]]:
        """Those greater than `name` (None: all); of a million names the first one is found at once."""
        first = 0 if name is None else bisect_right(self.names, name)
        return ((self.names[at], self.items[at]) for at in range(first, len(self.names)))


T = TypeVar("T")
U = TypeVar("U")


def laid_over(
    ours: Iterator[tuple[bytes, T | None]], theirs: Iterator[tuple[bytes, U]]
) -> Iterator[tuple[bytes, T | U]]:
    """Both, which are in order, in order: ours in place of theirs of the same name, and for None nothing."""
    mine = next(ours, None)
    for name, there in theirs:
        while mine is not None and mine[0] < name:
            if mine[1] is not None:
                yield mine[0], mine[1]
            mine = next(ours, None)
        if mine is None or mine[0] != name:
            yield name, there
    while mine is not None:
        if mine[1] is not None:
            yield mine[0], mine[1]
        mine = next(ours, None)


Found: TypeAlias = Item | Entry
"""What a name stands for: an item, or an entry of the store that nothing has happened to."""


class Model:
    """The tree of one branch. `below` is the branch's tree, None when it has none."""

    def __init__(self, look: Look, below: Entry | None) -> None:
        self._look = look
        mode = stat.S_IFDIR | 0o755 if below is None else below.mode
        self.root = Folder(ROOT, mode, None, None, b"", _attributes(below), below, follows=True)
        self.items: dict[int, Item] = {ROOT: self.root}
        """Every item that has a name, and those that are still open without one."""
        self.begin: Begin | None = None
        self._last = ROOT

    @classmethod
    def after(cls, before: Model, look: Look, below: Entry | None) -> Model:
        """A model of nothing changed, in which no number comes back."""
        made = cls(look, below)
        made._last = before._last
        return made

    def put(self, folder: Folder, item: Item) -> None:
        """Have `item`, which has the name already, stand in `folder`: one that was taken out of an earlier model."""
        self._place(folder, item.name, item)

    def next_number(self) -> int:
        """A number that no item has had."""
        return self._last + 1

    # ---- looking

    def find(self, folder: Folder, name: bytes) -> Found | None:
        """What `name` stands for in `folder`, or None."""
        if name in folder.names:
            return folder.names[name]
        return None if folder.below is None else self._look.lookup(folder.below, name)

    def iter_names(self, folder: Folder, after: bytes | None = None) -> Iterator[tuple[bytes, Found]]:
        """The names of `folder` in order, those greater than `after`, as of now."""
        below = iter(()) if folder.below is None else self._look.iter_directory(folder.below, after=after)
        return laid_over(self.listed(folder).iter_after(after), ((entry.name, entry) for entry in below))

    def listed(self, folder: Folder) -> Listed:
        """What is different in it, in order; the same object until something of that changes."""
        if folder.listed is None:
            names = sorted(folder.names)
            folder.listed = Listed(names, [folder.names[name] for name in names])
        return folder.listed

    def is_empty(self, folder: Folder) -> bool:
        return next(self.iter_names(folder), None) is None

    @property
    def changed(self) -> bool:
        """Whether anything is different from the branch."""
        return bool(self.root.names) or self.root.mtime_ns is not None or self.root.xattrs is not None

    # ---- following the branch

    def rest_on(self, below: Entry | None) -> None:
        """Put the tree on another head of the branch."""
        self._rest(self.root, below)

    def _rest(self, folder: Folder, below: Entry | None) -> None:
        before, folder.below = folder.below, below if below is not None and below.is_dir else None
        if folder.xattrs == _attributes(before):
            folder.xattrs = _attributes(folder.below)
        for name, item in folder.names.items():
            if isinstance(item, Folder) and item.follows:
                self._rest(item, None if folder.below is None else self._look.lookup(folder.below, name))

    # ---- changing

    def apply(self, record: Record) -> None:
        """Carry out one record. KeyError or TypeError: it does not belong to this tree."""
        match record:
            case Begin():
                self.begin = record
            case Make():
                folder = self._folder(record.folder)
                self._place(folder, record.name, self._made(record))
                folder.mtime_ns = record.mtime_ns
            case Take():
                self._take(record)
            case Write():
                self._file(record.number).shown = record.shown
            case Change():
                item = self.items[record.number]
                if record.mode is not None:
                    item.mode = stat.S_IFMT(item.mode) | stat.S_IMODE(record.mode)
                if record.mtime_ns is not None:
                    item.mtime_ns = record.mtime_ns
            case Attribute():
                self._set_attribute(self.items[record.number], record.name, record.value)
            case Drop():
                folder = self._folder(record.folder)
                self._lift(folder, record.name, hide=record.hide)
                folder.mtime_ns = record.at_ns
            case Move():
                self._move(record)
            case Swap():
                self._swap(record)

    def forget(self, item: Item) -> None:
        """Nothing refers any more to an item without a name."""
        self.items.pop(item.number, None)

    def _folder(self, number: int) -> Folder:
        found = self.items[number]
        if not isinstance(found, Folder):
            raise TypeError(f"item {number} is no directory")
        return found

    def _file(self, number: int) -> File:
        found = self.items[number]
        if not isinstance(found, File):
            raise TypeError(f"item {number} is no file")
        return found

    def _made(self, record: Make) -> Item:
        common = (record.number, record.mode, record.mtime_ns, None, b"", None)
        if stat.S_ISDIR(record.mode):
            return Folder(*common, None, follows=False)
        if stat.S_ISLNK(record.mode):
            return Symlink(*common, record.target or b"")
        return File(record.number, record.mode, None, None, b"", None, None, 0)

    def _take(self, record: Take) -> None:
        entry, folder = record.entry, self._folder(record.folder)
        common = (
            record.number,
            entry.mode,
            entry.mtime_ns,
            None,
            b"",
            _attributes(entry),
        )
        item: Item
        if entry.is_dir:
            # What it was taken with, not what is there now: a journal may be read again over a newer tree, from which
            # what was moved is gone.
            item = Folder(*common, entry, follows=True)
            item.mtime_ns = None
        elif entry.is_symlink:
            item = Symlink(*common, entry.target or b"")
        else:
            item = File(*common, entry)
        self._place(folder, entry.name, item)

    def _place(self, folder: Folder, name: bytes, item: Item) -> None:
        folder.names[name] = item
        folder.listed = None
        item.folder, item.name = folder, name
        self.items[item.number] = item
        self._last = max(self._last, item.number)

    def _lift(self, folder: Folder, name: bytes, *, hide: bool) -> Item | None:
        """Take away what `folder` has under `name`; the name then stands for nothing, or for what is below."""
        item = folder.names.pop(name, None)
        if hide:
            folder.names[name] = None
        folder.listed = None
        if item is not None:
            item.folder = None
        return item

    def _part(self, item: Item) -> None:
        """A directory that is moved goes on showing what it showed."""
        if isinstance(item, Folder):
            item.follows = False

    def _move(self, record: Move) -> None:
        source, target = self._folder(record.folder), self._folder(record.to_folder)
        item = self._lift(source, record.name, hide=record.hide)
        assert item is not None, "only items are moved"
        self._part(item)
        self._lift(target, record.to_name, hide=False)
        self._place(target, record.to_name, item)
        source.mtime_ns = target.mtime_ns = record.at_ns

    def _swap(self, record: Swap) -> None:
        first, second = self._folder(record.folder), self._folder(record.other_folder)
        one, two = first.names[record.name], second.names[record.other_name]
        assert one is not None and two is not None, "only items are swapped"
        self._part(one)
        self._part(two)
        self._place(first, record.name, two)
        self._place(second, record.other_name, one)
        first.mtime_ns = second.mtime_ns = record.at_ns

    @staticmethod
    def _set_attribute(item: Item, name: bytes, value: bytes | None) -> None:
        kept = dict(item.xattrs or {})
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value
        item.xattrs = kept or None


def _attributes(entry: Entry | None) -> dict[bytes, bytes] | None:
    """A copy, to be changed."""
    return dict(entry.xattrs) if entry is not None and entry.xattrs else None


def path_of(item: Item) -> bytes:
    """Where the item is, from the root; "" for the root and for what has no name."""
    names: list[bytes] = []
    at: Item | None = item
    while at is not None and at.folder is not None:
        names.append(at.name)
        at = at.folder
    return b"/".join(reversed(names))


def is_written(item: Item) -> bool:
    """Whether it is a file with a scratch file of its own."""
    return isinstance(item, File) and item.shown is not None
