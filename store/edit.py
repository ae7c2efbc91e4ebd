"""Changes on top of a tree: the only way anything changes.

A `TreeEdit` collects what shall be different as an overlay, a tree of its own that holds nothing but the changed names,
and does not know what it will be laid over:

    _Overlay(root)                        on top of    root
      ├── "a.csv"  -> an entry                          ├── a.csv      replaced
      ├── "old"    -> None                              ├── old        removed
      └── "2016"   -> _Overlay                          ├── 2016       kept, with july changed
            └── "july" -> an entry                      └── ...        kept

`save` lays it over a base and writes the directories that this changes, from the leaves up. Because the overlay does
not refer to its base, a lost race for a branch is settled by laying it over the new head.

File contents are written as they come, in batches of bounded size, long before anything points to them. An edit that is
given up, or a process that dies, leaves unreachable objects and nothing else.
"""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from store import names, tree
from store.chunker import MINIMUM, cut
from store.contents import ListWriter
from store.engine import Environment, ObjectWriter
from store.errors import IsADirectory, NotADirectory, PathNotFound, SpecialFile
from store.ids import ObjectId
from store.records import Entry
from store.trees import Trees

AnyPath = str | bytes
LAST_NS = (1 << 63) - 1
SYMLINK_MODE = stat.S_IFLNK | 0o777
_SPECIAL = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "named pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


@dataclass(slots=True)
class _Overlay:
    """What shall be different in one directory."""

    fresh: bool = False
    """Replace what the base has here, instead of changing it."""
    mode: int | None = None
    """Set the permission bits; None: as in the base, 0755 in a new directory."""
    mtime_ns: int | None = None
    names: dict[bytes, Entry | _Overlay | None] = field(default_factory=dict)
    """What each name shall be; None: absent."""


class TreeEdit:
    """Changes on top of `base` (a directory's entry; None: an empty one). Paths are made as needed.

    Use as a context manager, so that its threads end. Not for use by several threads at once.
    """

    def __init__(
        self, env: Environment, trees: Trees, base: Entry | None, *, now_ns: int | None = None
    ) -> None:
        self._trees, self._base = trees, base
        self._now_ns = time.time_ns() if now_ns is None else now_ns
        self._overlay = _Overlay()
        self._replaced = False
        """Whether the base is a grafted root: then no head that comes later takes its place."""
        self._writer = ObjectWriter(env)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    # what may be done

    def write(
        self, path: AnyPath, data: bytes | BinaryIO, *, mode: int = 0o644, mtime_ns: int | None = None
    ) -> None:
        """Make `path` a file with these bytes, read from `data` to its end. Raises IsADirectory, NotADirectory."""
        self._put(names.path(path), self._file(data, mode, self._time(mtime_ns)))

    def mkdir(self, path: AnyPath, *, mode: int = 0o755, mtime_ns: int | None = None) -> None:
        """Make `path` a directory, or set these on the one that is there. Raises NotADirectory."""
        overlay = self._directory(names.path(path))
        overlay.mode = stat.S_IMODE(mode)
        overlay.mtime_ns = overlay.mtime_ns if mtime_ns is None else self._time(mtime_ns)

    def symlink(self, path: AnyPath, target: AnyPath, *, mtime_ns: int | None = None) -> None:
        """Make `path` a symlink to `target`, which is kept as given. Raises IsADirectory, NotADirectory."""
        to = os.fsencode(target)
        self._put(names.path(path), _link(to, self._time(mtime_ns)))

    def remove(self, path: AnyPath) -> None:
        """Remove a file, a symlink, or a directory with everything in it. Raises PathNotFound."""
        raw = names.path(path)
        if self.find(raw) is None:
            raise PathNotFound(raw)
        if not raw:
            self._overlay = _Overlay(fresh=True)
            return
        parent, _, name = raw.rpartition(b"/")
        self._directory(parent).names[name] = None

    def graft(self, path: AnyPath, entry: Entry) -> None:
        """Make `path` what `entry` is, from this store: a file, a symlink or a whole directory, in O(1).

        With path "" the directory `entry` becomes the root. Raises NotADirectory.
        """
        raw = names.path(path)
        if raw:
            parent, _, name = raw.rpartition(b"/")
            self._directory(parent).names[name] = entry.renamed(name)
        elif not entry.is_dir:
            raise NotADirectory(entry.name)
        else:
            self._base, self._overlay, self._replaced = entry.renamed(b""), _Overlay(), True

    def put(self, source: str | Path, path: AnyPath) -> None:
        """Make `path` the host's file or symlink `source`, with its mode and mtime.

        Raises OSError when it cannot be read, SpecialFile for sockets, pipes and devices, IsADirectory for one.
        """
        raw = names.path(path)
        status = os.lstat(source)
        if stat.S_ISLNK(status.st_mode):
            self._put(raw, _link(os.fsencode(os.readlink(source)), self._time(status.st_mtime_ns)))
        elif stat.S_ISREG(status.st_mode):
            with open(source, "rb", buffering=0) as stream:
                self._put(raw, self._file(stream, status.st_mode, self._time(status.st_mtime_ns)))
        elif stat.S_ISDIR(status.st_mode):
            raise IsADirectory(os.fsencode(source))
        else:
            raise SpecialFile(os.fsencode(source), _SPECIAL.get(stat.S_IFMT(status.st_mode), "special file"))

    def put_directory(
        self,
        source: str | Path,
        path: AnyPath = "",
        *,
        skip: Callable[[bytes], bool] = lambda name: False,
        progress: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Put everything below the host's directory `source` below `path`, with modes, mtimes and symlinks as they are.

        Names for which `skip` holds are left out, with what is below them. `progress` is told the bytes of each file
        that was put. Raises what `put` raises; then part of it may be in the edit, which should be given up.
        """
        raw = names.path(path)
        status = os.stat(source)
        self.mkdir(raw, mode=status.st_mode, mtime_ns=status.st_mtime_ns)
        with os.scandir(os.fsencode(source)) as found:
            items = sorted(found, key=lambda item: item.name)
        for item in items:
            if skip(item.name):
                continue
            below = raw + b"/" + item.name if raw else item.name
            host = Path(os.fsdecode(item.path))
            if item.is_dir(follow_symlinks=False):
                self.put_directory(host, below, skip=skip, progress=progress)
            else:
                self.put(host, below)
                progress(item.stat(follow_symlinks=False).st_size)

    def find(self, path: AnyPath) -> Entry | None:
        """The entry at `path` as it would be saved, or None. A changed directory answers with what is below
        unsummed.
        """
        at: Entry | _Overlay | None = self._overlay
        base = self._base
        for name in names.path(path).split(b"/") if path else ():
            if isinstance(at, _Overlay):
                below = None if at.fresh or base is None else self._lookup(base, name)
                at = at.names.get(name, below)
                base = below if isinstance(at, _Overlay) and not at.fresh else None
            else:
                at = self._lookup(at, name) if at is not None else None
        if isinstance(at, _Overlay):
            plain = base is not None and base.is_dir
            return base if plain else Entry(b"", stat.S_IFDIR | (at.mode or 0o755), self._now_ns, 0, files=0)
        return at

    def save(self) -> Entry:
        """Write everything and give the new root; durable on return."""
        root = self._save_tree()
        self._writer.flush()
        return root

    @property
    def stored(self) -> int:
        """Bytes this edit has added to the store so far, after deduplication and compression."""
        return self._writer.stored

    # how it is done

    def _time(self, mtime_ns: int | None) -> int:
        """An mtime within 64 bits, which is what an entry holds (some file systems know years beyond 2262)."""
        return self._now_ns if mtime_ns is None else max(-LAST_NS, min(mtime_ns, LAST_NS))

    def _lookup(self, directory: Entry, name: bytes) -> Entry | None:
        return self._trees.lookup(directory, name) if directory.is_dir else None

    def _file(self, data: bytes | BinaryIO, mode: int, mtime_ns: int) -> Entry:
        """Write the contents; the entry, still without a name."""
        if isinstance(data, bytes):
            data = io.BytesIO(data)
        head = _read_up_to(data, MINIMUM)
        bits = stat.S_IFREG | stat.S_IMODE(mode)
        if len(head) < MINIMUM:
            content = self._writer.put(head) if head else None
            return Entry(b"", bits, mtime_ns, len(head), content)
        lists = ListWriter(self._writer.put)
        for chunk, size in self._writer.put_chunks(cut(cast(BinaryIO, _Rejoined(head, data)))):
            lists.push(chunk, size)
        content, height = lists.finish()
        return Entry(b"", bits, mtime_ns, lists.size, content, height)

    def _put(self, path: bytes, entry: Entry) -> None:
        there = self.find(path)
        if not path or (there is not None and there.is_dir):
            raise IsADirectory(path)
        parent, _, name = path.rpartition(b"/")
        self._directory(parent).names[name] = entry.renamed(name)

    def _directory(self, path: bytes) -> _Overlay:
        """The overlay of the directory at `path`, made where there is none. Raises NotADirectory."""
        overlay, base, walked = self._overlay, self._base, b""
        for name in path.split(b"/") if path else ():
            walked = walked + b"/" + name if walked else name
            below = None if overlay.fresh or base is None else self._lookup(base, name)
            there = overlay.names.get(name, below) if name in overlay.names else below
            if not isinstance(there, _Overlay):
                if there is not None and not there.is_dir:
                    raise NotADirectory(walked)
                made = _Overlay(fresh=name in overlay.names)
                if there is not None and made.fresh:
                    self._unfold(made, there)
                overlay.names[name] = made
                there = made
            overlay, base = there, None if there.fresh else below
        return overlay

    def _unfold(self, overlay: _Overlay, entry: Entry) -> None:
        """Turn a directory that was grafted in this edit into an overlay, so that it can be changed further."""
        overlay.mode, overlay.mtime_ns = stat.S_IMODE(entry.mode), entry.mtime_ns
        overlay.names.update({below.name: below for below in self._trees.iter_directory(entry)})

    def _save_tree(self) -> Entry:
        return self._save(self._overlay, self._base, b"")

    def _save(self, overlay: _Overlay, base: Entry | None, name: bytes) -> Entry:
        """Lay `overlay` over `base` and write the directories that differ; the new entry."""
        old = None if overlay.fresh or base is None or not base.is_dir else base
        changes: dict[bytes, Entry | None] = {}
        moved = old is None
        for below, value in overlay.names.items():
            there = self._lookup(old, below) if old is not None else None
            new = self._save(value, there, below) if isinstance(value, _Overlay) else value
            if new is not None and there is not None and _same(there, new):
                continue
            if new == there:
                continue
            changes[below] = new
            moved = moved or new is None or there is None
        mode = (
            overlay.mode if overlay.mode is not None else stat.S_IMODE(old.mode) if old is not None else 0o755
        )
        kept = old.mtime_ns if old is not None and not moved else self._now_ns
        mtime_ns = kept if overlay.mtime_ns is None else overlay.mtime_ns
        start = None if old is None or old.content is None else ObjectId(old.content)
        height = old.height if old is not None else 0
        root = tree.edit(start, height, changes, self._trees.load_node, self._writer.put)
        xattrs = old.xattrs if old is not None else None
        return Entry(
            name,
            stat.S_IFDIR | mode,
            mtime_ns,
            root.size,
            root.id,
            root.height,
            root.files,
            root.digest,
            xattrs=xattrs,
        )


def _same(old: Entry, new: Entry) -> bool:
    """Whether a file or symlink put again is what is there: then the old entry stays, mtime included."""
    return (
        not new.is_dir
        and old.mode == new.mode
        and old.xattrs == new.xattrs
        and old.identity() == new.identity()
    )


def _link(target: bytes, mtime_ns: int) -> Entry:
    return Entry(b"", SYMLINK_MODE, mtime_ns, len(target), target=target)


def _read_up_to(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes, or all there are: a raw stream or a pipe may give fewer at a time."""
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class _Rejoined(io.RawIOBase):
    """A stream with the bytes that were already read from it put back in front."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = memoryview(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        given = self._head[: len(buffer)] if self._head else self._rest.read(len(buffer))
        if self._head:
            self._head = self._head[len(given) :]
        buffer[: len(given)] = given
        return len(given)
