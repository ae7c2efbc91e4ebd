"""Putting one directory together from the entries that come, in the order of their names.

Where the repo has the same file or link already, its entry stays, mtime included. A directory that was remembered and
in which nothing changed but directories below is edited instead of built: it costs what changed, not what is there.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator

import msgspec

from store import tree
from store.errors import IsADirectory, NotADirectory
from store.ids import ObjectId
from store.ingest.memory import Remembered
from store.ingest.steps import Directory
from store.records import Entry
from store.tree.build import Root, Splitter, rise
from store.trees import Trees

Save = Callable[[bytes], ObjectId]
FEW = 16
"""A directory of the repo with so many times more files than come is asked for each name, not gone through."""


class Assembly:
    """One directory on its way to being an entry."""

    def __init__(self, trees: Trees, save: Save, directory: Directory) -> None:
        self._trees, self._save, self._directory = trees, save, directory
        self._splitter = Splitter(0, save)
        base = directory.base
        self._beside = None
        """What the repo has there, if it has anything."""
        if base is not None and base.content is not None:
            self._beside = _Beside(trees, base, len(directory.rows))
        self._changes: dict[bytes, Entry | None] = {}
        self._exact = True

    def push(self, entry: Entry) -> None:
        """Add the next entry. Raises NotADirectory, IsADirectory when the repo has another kind there."""
        kept = self._directory.kept
        if kept is not None:
            if self._trees.lookup(kept.entry, entry.name) != entry:
                self._changes[entry.name] = entry
            return
        if self._beside is not None:
            old = self._beside.find(entry.name)
            if old is not None and old != entry:
                check_kinds(self._directory.place, old, entry)
                if old.same_as(entry):
                    entry, self._exact = old, False
        self._splitter.push(entry)

    def leave_out(self, name: bytes) -> None:
        """A name is there that cannot be put."""
        self._directory.whole = False
        if self._directory.kept is not None:
            self._changes[name] = None

    def spoil(self) -> None:
        """What is put does not follow from what the host says of it, and is not to be remembered."""
        self._directory.whole = False

    def finish(self) -> tuple[Entry, Remembered | None]:
        """The directory's entry, and what to remember of it if that is news."""
        directory = self._directory
        kept = directory.kept
        if kept is None:
            self._splitter.end()
            made = self._entry(rise(self._splitter.nodes, 0, self._save))
        elif not self._changes:
            made = msgspec.structs.replace(
                kept.entry, name=directory.name, mode=directory.row.mode, mtime_ns=directory.row.mtime_ns
            )
            return made, None if made == kept.entry or not directory.whole else self._news(made)
        else:
            root = None if kept.entry.content is None else ObjectId(kept.entry.content)
            made = self._entry(
                tree.edit(root, kept.entry.height, self._changes, self._trees.load_node, self._save)
            )
        return made, self._news(made) if directory.whole else None

    def _news(self, made: Entry) -> Remembered:
        directory = self._directory
        exact = self._exact if directory.kept is None else directory.kept.exact
        return Remembered(directory.digest, exact, made, b"".join(directory.rows))

    def _entry(self, root: Root) -> Entry:
        directory = self._directory
        return Entry(
            name=directory.name,
            mode=stat.S_IFDIR | stat.S_IMODE(directory.row.mode),
            mtime_ns=directory.row.mtime_ns,
            size=root.size,
            content=None if root.id is None else bytes(root.id),
            height=root.height,
            files=root.files,
            digest=root.digest,
        )


class _Beside:
    """What the repo has under names that are asked for in order."""

    def __init__(self, trees: Trees, base: Entry, names: int) -> None:
        self._trees, self._base = trees, base
        self._entries: Iterator[Entry] | None = None
        self._next: Entry | None = None
        if base.files <= FEW * (names + 1):
            self._entries = trees.iter_directory(base)
            self._next = next(self._entries, None)

    def find(self, name: bytes) -> Entry | None:
        if self._entries is None:
            return self._trees.lookup(self._base, name)
        while self._next is not None and self._next.name < name:
            self._next = next(self._entries, None)
        return self._next if self._next is not None and self._next.name == name else None


def check_kinds(directory: bytes, old: Entry, new: Entry) -> None:
    """Raise NotADirectory, IsADirectory when one of two entries is a directory, naming the path below `directory`."""
    if old.is_dir != new.is_dir:
        path = directory + b"/" + new.name if directory else new.name
        raise IsADirectory(path) if old.is_dir else NotADirectory(path)
