"""A commit, and the way to read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import BinaryIO

from store import names
from store.errors import NotADirectory
from store.records import CommitRecord, Entry
from store.trees import Trees

AnyPath = str | bytes


@dataclass(frozen=True, slots=True)
class Commit(CommitRecord):
    """An immutable tree with a parent, a depth, provenance, an author and a message.

    Paths are `str` or `bytes`, without a leading slash; "" is the root. All reads may raise Corrupt.
    """

    trees: Trees = field(repr=False, compare=False)

    @property
    def title(self) -> str:
        """How people write it: `trips@master.31`."""
        return f"{self.repo}@{self.branch}.{self.depth}"

    def entry(self, path: AnyPath = "") -> Entry:
        """The entry at `path`. Raises PathNotFound."""
        return self.trees.get(self.tree, names.path(path), where=f"{self.repo}@{self.id.short()}")

    def find(self, path: AnyPath) -> Entry | None:
        """The entry at `path`, or None."""
        return self.trees.find(self.tree, names.path(path))

    def list(self, path: AnyPath = "") -> Iterator[Entry]:
        """The entries of a directory in the order of their names. Raises PathNotFound, NotADirectory."""
        entry = self.entry(path)
        if not entry.is_dir:
            raise NotADirectory(names.path(path))
        return self.trees.iter_directory(entry)

    def walk(self, path: AnyPath = "") -> Iterator[tuple[bytes, Entry]]:
        """Everything below `path` with its whole path: depth first, names in order. Raises PathNotFound."""
        entry = self.entry(path)
        return self.trees.walk(entry, names.path(path)) if entry.is_dir else iter(())

    def open(self, path: AnyPath) -> BinaryIO:
        """A seekable reader of a file's bytes. Raises PathNotFound, IsADirectory."""
        return self.trees.open(self.entry(path))

    def read(self, path: AnyPath) -> bytes:
        """A file's bytes. Raises PathNotFound, IsADirectory."""
        with self.open(path) as stream:
            return stream.read()


def handle(record: CommitRecord, trees: Trees) -> Commit:
    """`record` as something that can be read."""
    return Commit(**{name: getattr(record, name) for name in _FIELDS}, trees=trees)


_FIELDS = tuple(part.name for part in fields(CommitRecord))
