"""Commits and drafts, and the way to read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from io import BufferedReader

from store import names
from store.errors import NotADirectory
from store.records import Change, CommitRecord, DraftRecord, Entry
from store.trees import Trees

AnyPath = str | bytes


class Files:
    """Reading a root: what commits and drafts have in common.

    Paths are `str` or `bytes`, without a leading slash; "" is the root. All reads may raise Corrupt.
    """

    __slots__ = ()
    tree: Entry
    trees: Trees

    @property
    def where(self) -> str:
        """What it is called in messages."""
        raise NotImplementedError

    def entry(self, path: AnyPath = "") -> Entry:
        """The entry at `path`. Raises PathNotFound."""
        return self.trees.get(self.tree, names.path(path), where=self.where)

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

    def diff(self, old: Files | None) -> Iterator[Change]:
        """What turned `old` (None: nothing) into this, in the order of paths.

        Equal directories are skipped by identity. Contents and permissions count; times alone do not.
        """
        return self.trees.diff(None if old is None else old.tree, self.tree)

    def open(self, path: AnyPath) -> BufferedReader:
        """A seekable reader of a file's bytes. Raises PathNotFound, IsADirectory."""
        return self.trees.open(self.entry(path))

    def read(self, path: AnyPath) -> bytes:
        """A file's bytes. Raises PathNotFound, IsADirectory."""
        with self.open(path) as stream:
            return stream.read()


@dataclass(frozen=True, slots=True)
class Commit(CommitRecord, Files):
    """An immutable tree with a parent, a depth, provenance, an author and a message."""

    trees: Trees = field(repr=False, compare=False)

    @property
    def where(self) -> str:
        return f"{self.repo}@{self.id.short()}"

    @property
    def title(self) -> str:
        """How people write it: `trips@master.31`."""
        return f"{self.repo}@{self.branch}.{self.depth}"


@dataclass(frozen=True, slots=True)
class Draft(DraftRecord, Files):
    """What is staged for a branch and is not a commit yet: a whole tree, and the head that it was made on.

    As of when it was looked up; whoever stages more makes another.
    """

    trees: Trees = field(repr=False, compare=False)

    @property
    def where(self) -> str:
        return f"the draft of {self.repo}@{self.branch}"


def handle(record: CommitRecord, trees: Trees) -> Commit:
    """`record` as something that can be read."""
    return Commit(**{name: getattr(record, name) for name in _FIELDS}, trees=trees)


def draft_handle(record: DraftRecord, trees: Trees) -> Draft:
    """`record` as something that can be read."""
    return Draft(record.repo, record.branch, record.base, record.tree, record.changed_ns, trees)


_FIELDS = tuple(part.name for part in fields(CommitRecord))
