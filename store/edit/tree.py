"""An edit of a tree: files, directories and symlinks made, replaced, removed and grafted.

File contents are written as they come, in batches of bounded size, long before anything points to them. An edit that is
given up, or a process that dies, leaves unreachable objects and nothing else.

What loads files of the host is imported when it is asked for: most edits write bytes that they have.
"""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self, cast

import msgspec

from store import names
from store.edit.files import link, write_file
from store.edit.followed import Followed
from store.edit.overlay import Overlaid, Overlay, Within
from store.edit.splice import Appended, splice_file
from store.edit.stream import FileWriter
from store.engine import Environment, ObjectWriter
from store.errors import Exists, IsADirectory, NotADirectory, PathNotFound, Refused, show
from store.records import Entry, HostFile, clamped
from store.shelf import pinning_first
from store.trees import Trees

if TYPE_CHECKING:
    from store.edit.host import Host
    from store.ingest import Skipped, Tell

AnyPath = str | bytes


class TreeEdit:
    """Changes on top of `base` (a directory's entry; None: an empty one). Paths are made as needed.

    Use as a context manager, so that its threads end. Not for use by several threads at once.
    """

    def __init__(
        self, env: Environment, trees: Trees, base: Entry | None, *, now_ns: int | None = None
    ) -> None:
        self._now_ns = time.time_ns() if now_ns is None else now_ns
        self._trees = trees
        self._held = Overlaid(trees, base, self._now_ns)
        self._unwritten = False
        """Whether what it holds cannot be read yet: one whole directory, which the last transaction is to write."""
        self._replaced = False
        """Whether the base is a grafted root: then no head that comes later takes its place."""
        self._followed = Followed(trees)
        self._writer = ObjectWriter(env)
        self._directory = env.path
        self._host: Host | None = None
        """None: nothing of the host was put."""
        self._unclosed: dict[FileWriter, bytes] = {}
        """Files that are being written, and their paths."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in list(self._unclosed):
            file.discard()
        self._let_go_of_host()
        self._writer.__exit__(kind, error, trace)

    # what may be done

    def write(
        self, path: AnyPath, data: bytes | BinaryIO, *, mode: int = 0o644, mtime_ns: int | None = None
    ) -> None:
        """Make `path` a file with these bytes, read from `data` to its end. Raises IsADirectory, NotADirectory."""
        self._put(names.path(path), write_file(self._writer, data, mode, self._time(mtime_ns)))

    def append(self, path: AnyPath, data: bytes | BinaryIO) -> None:
        """Add the bytes of `data`, a seekable stream from its start on, to the end of the file `path`, which keeps its
        permissions and is made if there is none. Costs what is added. Raises IsADirectory, NotADirectory; Refused for a
        symlink.
        """
        raw = names.path(path)
        there = self.find(raw)
        self._followed.note(self._held.base, raw, there)
        if there is None:
            self.write(raw, data)
            return
        self._writer.flush()  # the file may be one that this edit wrote
        with self._trees.open(there) as old:
            content = Appended(old, there.size, io.BytesIO(data) if isinstance(data, bytes) else data)
            self.splice(raw, there, (), cast(BinaryIO, content), content.size, mode=there.mode)

    def open(
        self, path: AnyPath, mode: str = "wb", *, file_mode: int = 0o644, mtime_ns: int | None = None
    ) -> FileWriter:
        """A file object; when it is closed, `path` is a file with what was written to it.

        `mode` is as for Python's own `open`: "wb" begins anew, "ab" and "r+b" with what the file holds, which keeps its
        permissions; "xb" raises Exists when there is something, "r+b" PathNotFound when there is nothing. Raises
        IsADirectory, NotADirectory. The edit cannot end well before it is closed.
        """
        raw = names.path(path)
        there = self.find(raw)
        if not raw or (there is not None and there.is_dir):
            raise IsADirectory(raw)
        kind = mode.replace("b", "").replace("+", "")
        if kind not in ("w", "x", "a", "r") or "b" not in mode or mode in ("rb", "br"):
            raise ValueError(f"mode {mode!r}: one of wb, xb, ab, r+b is needed")
        if kind == "x" and there is not None:
            raise Exists("file", show(raw))
        if kind == "r" and there is None:
            raise PathNotFound(raw)
        if kind != "w":
            self._followed.note(self._held.base, raw, there)

        def deliver(data: BinaryIO) -> None:
            del self._unclosed[file]
            if kind == "a":
                self.append(raw, data)
            else:
                mode = there.mode if there is not None and kind == "r" else file_mode
                self.write(raw, data, mode=mode, mtime_ns=mtime_ns)

        if kind == "a" and there is not None:
            file = FileWriter(deliver, after=there.size)
        elif there is not None and kind == "r":
            self._writer.flush()  # the file may be one that this edit wrote
            with self._trees.open(there) as old:
                file = FileWriter(deliver, old)
        else:
            file = FileWriter(deliver)
        self._unclosed[file] = raw
        return file

    def splice(
        self,
        path: AnyPath,
        old: Entry,
        changed: Sequence[tuple[int, int]],
        content: BinaryIO,
        size: int,
        *,
        mode: int = 0o644,
        mtime_ns: int | None = None,
    ) -> None:
        """Make `path` a file of `size` bytes that is `old`, a file of this store, but for the ranges of bytes in
        `changed` (first, and one after the last) and for its end.

        Costs what changed: of `content`, the new file as a seekable stream, little more than those ranges is read, and
        of a `SparseReader` no holes. The result is what `write` would make of all of it. Raises IsADirectory,
        NotADirectory.
        """
        load, when = self._trees.load_list, self._time(mtime_ns)
        entry = splice_file(self._writer, load, old, changed, content, size, mode=mode, mtime_ns=when)
        self._put(names.path(path), entry)

    def mkdir(
        self,
        path: AnyPath,
        *,
        mode: int = 0o755,
        mtime_ns: int | None = None,
        xattrs: Mapping[bytes, bytes] | EllipsisType | None = ...,
    ) -> None:
        """Make `path` a directory, or set these on the one that is there. Raises NotADirectory."""
        overlay = self._overlaid.directory(names.path(path))
        overlay.mode = stat.S_IMODE(mode)
        overlay.mtime_ns = overlay.mtime_ns if mtime_ns is None else self._time(mtime_ns)
        if not isinstance(xattrs, EllipsisType):
            overlay.xattrs = dict(xattrs) if xattrs else None

    def symlink(self, path: AnyPath, target: AnyPath, *, mtime_ns: int | None = None) -> None:
        """Make `path` a symlink to `target`, which is kept as given. Raises IsADirectory, NotADirectory."""
        to = os.fsencode(target)
        self._put(names.path(path), link(to, self._time(mtime_ns)))

    def remove(self, path: AnyPath) -> None:
        """Remove a file, a symlink, or a directory with everything in it. Raises PathNotFound."""
        raw = names.path(path)
        if self.find(raw) is None:
            raise PathNotFound(raw)
        if not raw:
            self._overlaid.overlay = Overlay(fresh=True)
            return
        parent, _, name = raw.rpartition(b"/")
        self._overlaid.directory(parent).names[name] = None

    def graft(self, path: AnyPath, entry: Entry) -> None:
        """Make `path` what `entry` is, from this store: a file, a symlink or a whole directory, in O(1).

        With path "" the directory `entry` becomes the root. Raises NotADirectory.
        """
        raw = names.path(path)
        if raw:
            parent, _, name = raw.rpartition(b"/")
            self._overlaid.directory(parent).names[name] = entry.renamed(name)
        elif not entry.is_dir:
            raise NotADirectory(entry.name)
        else:
            self._overlaid.base, self._overlaid.overlay = entry.renamed(b""), Overlay()
            self._replaced = True

    def put(
        self,
        source: str | bytes | Path,
        path: AnyPath,
        *,
        follow: bool = False,
        progress: Tell | None = None,
    ) -> None:
        """Make `path` the host's file or symlink `source`, with its mode and mtime; the file that a link leads to, with
        `follow`.

        `progress` is told how many files and bytes more were read. Raises OSError when it cannot be read, SourceChanged
        when it changes all the time, SpecialFile for sockets, pipes and devices, IsADirectory for one.
        """
        from store.ingest import load_file

        self._put(
            names.path(path), load_file(self._writer, os.fsencode(source), follow=follow, tell=progress)
        )

    def put_directory(
        self,
        source: str | bytes | Path,
        path: AnyPath = "",
        *,
        skip: Callable[[bytes], bool] | None = None,
        progress: Tell | None = None,
        skipped: list[Skipped] | None = None,
        checksum: bool = False,
        passing: bool = False,
    ) -> None:
        """Put everything below the host's directory `source` below `path`, with modes, mtimes and symlinks as they are.

        Files are read, hashed and compressed on all cores; those that have not changed since they were last put from
        the same place are not read, unless `checksum` is set. Of a `passing` directory, which will be gone and never be
        put again, nothing is remembered. Names for which `skip` holds are left out, with what is below them. `progress`
        is told how many files and bytes more were dealt with. What cannot be put is added to `skipped` and left out,
        and what the repo has there stays; without such a list the first one is raised: OSError, SourceChanged,
        SpecialFile, BadName. Raises NotADirectory and IsADirectory when the repo has the one where `source` has the
        other. After an error the edit holds what it held before.
        """
        raw = names.path(path)
        there = self._overlaid.find(raw)
        if there is not None and not there.is_dir:
            raise NotADirectory(raw)

        loader = self._the_host().loader(
            tell=progress, skip=skip, skipped=skipped, checksum=checksum, passing=passing
        )
        waits = passing and not raw and self._overlaid.untouched
        self._overlaid.put_over(raw, loader.load(os.fsencode(source), there, raw, write=not waits))
        self._unwritten = waits

    def put_files(
        self, source: str | bytes | Path, files: Iterable[HostFile], *, progress: Tell | None = None
    ) -> None:
        """Put `files` of the host's directory `source`, each at a path of its own, with its mtime.

        For very many: they are read, hashed and compressed on all cores, and those of one directory of the edit cost
        least one after another. `progress` is told how many files and bytes more were put. Raises OSError,
        SourceChanged, SpecialFile for the first that cannot be read, NotADirectory, IsADirectory; those before it are
        put.
        """
        within: Within | None = None
        above = b""
        for entry, file in self._the_host().gather(os.fsencode(source), files, progress):
            parent, _, name = file.path.rpartition(b"/")
            if within is None or parent != above:
                within, above = self._overlaid.within(names.path(parent)), parent
            found = msgspec.structs.replace(
                entry, name=names.file(name), mode=stat.S_IFREG | stat.S_IMODE(file.mode), xattrs=file.xattrs
            )
            within.put(name, found)

    def find(self, path: AnyPath) -> Entry | None:
        """The entry at `path` as it would be saved, or None. A changed directory answers with what is below
        unsummed.
        """
        return self._overlaid.find(names.path(path))

    def save(self) -> Entry:
        """Write everything and give the new root; durable on return."""
        root = self._save_tree()
        self._writer.flush()
        return root

    def save_pinned(self, name: bytes, note: Callable[[Entry], bytes]) -> Entry:
        """The same, with the root kept as the pin `name`, and the note that `note` makes for it, in one transaction.

        When there is a pin of that name it stays, and its tree is what this gives.
        """
        root = self._save_tree()
        pin = self._writer.flush(pinning_first(name, root, note(root)))
        assert pin is not None, "flush gives what its last step gave"
        return pin.tree

    @property
    def stored(self) -> int:
        """Bytes this edit has added to the store so far, after deduplication and compression."""
        return self._writer.stored

    # how it is done

    def _the_host(self) -> Host:
        from store.edit.host import Host

        if self._host is None:
            self._host = Host(self._trees, self._writer, self._directory)
        return self._host

    def _let_go_of_host(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None

    def _time(self, mtime_ns: int | None) -> int:
        """An mtime within 64 bits, which is what an entry holds (some file systems know years beyond 2262)."""
        return self._now_ns if mtime_ns is None else clamped(mtime_ns)

    def _put(self, path: bytes, entry: Entry) -> None:
        there = self._overlaid.find(path)
        if not path or (there is not None and there.is_dir):
            raise IsADirectory(path)
        parent, _, name = path.rpartition(b"/")
        self._overlaid.directory(parent).names[name] = entry.renamed(name)

    def _save_tree(self) -> Entry:
        for file, path in self._unclosed.items():
            if not file.closed:
                raise Refused(f"{show(path)} is still being written; close it before the edit ends")
        return self._held.lay(self._writer.put)

    @property
    def _overlaid(self) -> Overlaid:
        """What it holds, to be read and changed."""
        if self._unwritten:
            self._writer.write_out()
            self._unwritten = False
        return self._held
