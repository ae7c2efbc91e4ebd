"""Reading directories and files by their entries: what the engine, the trees and the contents give together.

Everything here is safe to use from threads, and reads what never changes: an entry leads to the same bytes for ever.
Decoded nodes are kept in a small cache, since a walk asks for the same ones again and again.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Generic, TypeVar

from store import contents, locks, tree
from store.engine import Environment, ObjectReader
from store.errors import IsADirectory, NotADirectory, PathNotFound, Refused, show
from store.format import chunklist, node
from store.format.chunklist import ChunkList
from store.format.node import Node
from store.ids import ObjectId
from store.readahead import FileReader, Threads
from store.records import Change, Entry, Extent

N = TypeVar("N")
BUFFER = 64 << 10
"""Bytes that a file object asks for at least: about a chunk, since one is unpacked as a whole for any byte of it."""
NODES = 512
"""Decoded nodes to keep of each kind: about 20 MB of directories at most, in practice a few."""


class _Cache(Generic[N]):
    """The last `NODES` decoded nodes."""

    def __init__(self, load: Callable[[ObjectId], N]) -> None:
        self._load = load
        self._nodes: OrderedDict[ObjectId, N] = OrderedDict()
        self._lock = locks.lock()

    def get(self, name: ObjectId) -> N:
        with self._lock:
            found = self._nodes.get(name)
            if found is not None:
                self._nodes.move_to_end(name)
                return found
        found = self._load(name)
        with self._lock:
            self._nodes[name] = found
            if len(self._nodes) > NODES:
                self._nodes.popitem(last=False)
        return found

    def clear(self) -> None:
        with self._lock:
            self._nodes.clear()


class Trees:
    """Reads entries of one store."""

    def __init__(self, env: Environment) -> None:
        self._objects = ObjectReader(env)
        self._ahead = Threads()
        self._nodes: _Cache[Node] = _Cache(lambda name: node.decode(self._objects.get(name)))
        self._lists: _Cache[ChunkList] = _Cache(lambda name: chunklist.decode(self._objects.get(name)))

    @property
    def load_node(self) -> Callable[[ObjectId], Node]:
        """Gives a directory node by id."""
        return self._nodes.get

    @property
    def load_list(self) -> Callable[[ObjectId], ChunkList]:
        """Gives a chunk list by id."""
        return self._lists.get

    def lookup(self, directory: Entry, name: bytes) -> Entry | None:
        """The entry called `name` in `directory`, or None."""
        return tree.lookup(self._nodes.get, _root(directory), name)

    def iter_directory(self, directory: Entry, *, after: bytes | None = None) -> Iterator[Entry]:
        """The entries of `directory` in the order of their names, those greater than `after`."""
        return tree.iter_entries(self._nodes.get, _root(directory), after)

    def find(self, root: Entry, path: bytes) -> Entry | None:
        """The entry at `path` below `root`; None when it does not exist or leads through something else."""
        entry: Entry | None = root
        for name in path.split(b"/") if path else ():
            entry = self.lookup(entry, name) if entry is not None and entry.is_dir else None
        return entry

    def get(self, root: Entry, path: bytes, *, where: str = "") -> Entry:
        """The entry at `path` below `root`. Raises PathNotFound, saying it was looked for in `where`."""
        entry = self.find(root, path)
        if entry is None:
            raise PathNotFound(path, where=where)
        return entry

    def walk(self, root: Entry, path: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        """Everything below `root` with its path (which begins with `path`): depth first, names in order."""
        for entry in self.iter_directory(root):
            below = path + b"/" + entry.name if path else entry.name
            yield below, entry
            if entry.is_dir:
                yield from self.walk(entry, below)

    def extents(self, file: Entry, offset: int, size: int) -> tuple[Extent, ...]:
        """Where the `size` bytes from `offset` on lie, clipped at the end of the file. Immutable; give it to
        `fetch`.
        """
        return contents.plan_read(self._lists.get, file, offset, size)

    def iter_data(self, file: Entry) -> Iterator[contents.Range]:
        """The ranges of bytes of `file` that have to be read, in order: all but long runs of zeros. Raises Corrupt."""
        return contents.iter_data(self._lists.get, file)

    def fetch(self, extents: tuple[Extent, ...]) -> bytes:
        """The bytes of `extents`, joined. May wait for the disk. Raises Corrupt when they are not what was written."""
        return self._objects.fetch(extents)

    def lend(self, extents: tuple[Extent, ...]) -> AbstractContextManager[Sequence[bytes | memoryview]]:
        """The same in pieces, which are valid until the block ends: for who passes them on at once. Raises Corrupt."""
        return self._objects.lend(extents)

    def open(self, file: Entry) -> io.BufferedReader:
        """A seekable reader of the file's bytes, which reads ahead in threads while it is read from front to back.

        Raises IsADirectory; Refused for a symlink, which has none.
        """
        if file.is_dir:
            raise IsADirectory(file.name)
        if file.is_symlink:
            raise Refused(
                f"{show(file.name)} is a symlink to {show(file.target or b'')}; read what it leads to"
            )
        reader = FileReader(file.size, partial(self._fill, file), self._ahead)
        return io.BufferedReader(reader, BUFFER)

    def trim(self) -> None:
        """Let go of decoded nodes; they are decoded again when they are asked for."""
        self._nodes.clear()
        self._lists.clear()

    def close(self) -> None:
        """End the threads that read ahead; what they are at is finished first."""
        self._ahead.close()

    def _fill(self, file: Entry, offset: int, buffer: memoryview) -> None:
        self._objects.fetch_into(self.extents(file, offset, len(buffer)), buffer)

    def diff(self, old: Entry | None, new: Entry | None, path: bytes = b"") -> Iterator[Change]:
        """What turns the directory `old` into `new` (None: nothing there), in the order of paths; roots left out.

        A directory that appears or disappears comes with everything below it. Modified means: the contents or the
        permissions differ; times alone do not count.
        """
        pairs = tree.diff_names(self._nodes.get, _root(old) if old else None, _root(new) if new else None)
        for before, after in pairs:
            named = before or after
            assert named is not None, "one side of a difference exists"
            below = path + b"/" + named.name if path else named.name
            yield from self._changed(below, before, after)

    def diff_directory(self, old: Entry, new: Entry) -> Iterator[tuple[Entry | None, Entry | None]]:
        """The entries of the directory `old` and those of `new` of the same names, where they differ in anything; None
        where there is none. In the order of names; what lies below is not looked into.
        """
        return tree.diff_names(self._nodes.get, _root(old), _root(new))

    def merge(
        self, base: Entry | None, ours: Entry | None, theirs: Entry | None, resolve: tree.Resolve
    ) -> Iterator[tree.Answer]:
        """What turns the directory `ours` into its merge with `theirs`, and the conflicts left, in the order of paths.

        `tree/merge.py` says what a merge is. Equal directories are skipped by identity; None is an empty one.
        """
        return tree.merge(self._nodes.get, base, ours, theirs, resolve)

    def _changed(self, path: bytes, old: Entry | None, new: Entry | None) -> Iterator[Change]:
        if _differ(old, new):
            yield Change(path, old, new)
        before = old if old is not None and old.is_dir else None
        after = new if new is not None and new.is_dir else None
        if (before or after) and (before is None or after is None or before.content != after.content):
            yield from self.diff(before, after, path)


def _differ(old: Entry | None, new: Entry | None) -> bool:
    """Whether the name itself changed: for two directories, what is below does not count."""
    if old is None or new is None or (old.mode, old.xattrs) != (new.mode, new.xattrs):
        return True
    return not (old.is_dir and new.is_dir) and old.identity() != new.identity()


def _root(directory: Entry) -> ObjectId | None:
    if not directory.is_dir:
        raise NotADirectory(directory.name)
    return None if directory.content is None else ObjectId(directory.content)
