"""The file system: what changes files, on top of what looks at them."""

from __future__ import annotations

import errno
import os
import posixpath
from glob import has_magic
from typing import Any, BinaryIO, cast

from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.compression import compr
from fsspec.core import get_compression
from fsspec.utils import stringify_path

import store
from pfsfuse.filesystem import bulk
from pfsfuse.filesystem.address import Address, parse
from pfsfuse.filesystem.changes import Changes
from pfsfuse.filesystem.errors import os_error, translated
from pfsfuse.filesystem.looking import Looking
from pfsfuse.filesystem.place import branch, require_repo
from pfsfuse.filesystem.writer import CompressedWriter, PfsWriter, TextWriter

TEXT = ("encoding", "errors", "newline")
"""Options of a text layer."""


class PfsFileSystem(Looking):
    """The repos of a store, each commit of them, as files. `README.md` says what becomes a commit when.

    `store`: its directory; None: the one that `pfs` would use. `author`: whom commits are by; None: the user.
    Errors are OSErrors that name the path and the next thing to do.
    """

    def open(
        self,
        path: Any,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: Any = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        if "r" in mode and "+" not in mode:
            return super().open(path, mode, block_size, cache_options, compression, **kwargs)
        text = {name: kwargs.pop(name) for name in TEXT if name in kwargs}
        binary = mode if "b" in mode else mode.replace("t", "") + "b"
        file = super().open(path, binary, block_size, cache_options, **kwargs)
        if name := get_compression(os.fspath(path), compression):
            file = CompressedWriter(compr[name](file, mode=binary[0]), file)
        return file if "b" in mode else TextWriter(file, **text)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Any = None,
        **kwargs: Any,
    ) -> Any:
        at = parse(path)
        with translated(at):
            return self._reader(at) if mode.replace("b", "") == "r" else self._writer(at, mode)

    # files

    def _writer(self, at: Address, mode: str) -> PfsWriter:
        kind = mode.replace("b", "").replace("+", "")
        if kind not in ("w", "a", "x", "r"):
            raise ValueError(f"{mode!r} is no mode: one of rb, wb, ab, xb, r+b is needed")
        branch(self.data, at)  # refused now, not when all has been written
        found = self._look_before_writing(at, exclusive=kind == "x")
        current = self._current()

        def put(file: PfsWriter, data: BinaryIO) -> None:
            # In the transaction that it was opened in, if any, whoever closes it.
            if current is None:
                self._change(at, lambda changes: _write(changes, at, data, kind))
                return
            with translated(at), current.lock:
                current.unclosed.pop(file, None)
                _write(current, at, data, kind)

        after = found.size if found is not None and kind == "a" else None
        file = PfsWriter(str(at), put, self._reader(at) if kind == "r" else None, after=after)
        if current is not None:
            current.unclosed[file] = at
        return file

    def _look_before_writing(self, at: Address, *, exclusive: bool) -> store.Entry | None:
        """What is at `at`. Raises what a write to it would raise as things stand."""
        if not at.path:
            raise store.IsADirectory(b"")
        found = self._find(at)
        if found is not None and found.is_dir:
            raise os_error(errno.EISDIR, "it is a directory", at)
        if found is not None and exclusive:
            raise os_error(errno.EEXIST, "it exists already", at)
        return found

    def pipe_file(self, path: Any, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        at = parse(stringify_path(path))
        self._change(at, lambda changes: _write(changes, at, bytes(value), "x" if mode == "create" else "w"))

    def put_file(
        self,
        lpath: Any,
        rpath: Any,
        callback: Callback = DEFAULT_CALLBACK,
        mode: str = "overwrite",
        **kwargs: Any,
    ) -> None:
        at = parse(stringify_path(rpath))
        if os.path.isdir(lpath):
            if not self.isdir(rpath):
                self._change(at, lambda changes: _mkdir(changes, at, create_parents=True))
            return
        size = os.stat(lpath).st_size
        callback.set_size(size)

        def work(changes: Changes) -> None:
            with open(lpath, "rb", buffering=0) as source:
                _write(changes, at, cast(BinaryIO, source), "x" if mode == "create" else "w")

        self._change(at, work)
        callback.absolute_update(size)

    # several at once: one commit

    def pipe(self, path: Any, value: bytes | None = None, **kwargs: Any) -> None:
        self._change(
            path if isinstance(path, str) else "",
            lambda changes: super(Looking, self).pipe(path, value, **kwargs),
        )

    def put(self, lpath: Any, rpath: Any, *args: Any, **kwargs: Any) -> None:
        self._change(rpath, lambda changes: super(Looking, self).put(lpath, rpath, *args, **kwargs))

    def copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        on_error: str | None = None,
        **kwargs: Any,
    ) -> None:
        def work(changes: Changes) -> None:
            one = self._one(path1)
            if one is not None and recursive and maxdepth is None and self.isdir(path1):
                bulk.copy(changes, one, self._into(path1, path2))
            else:
                super(Looking, self).copy(path1, path2, recursive, maxdepth, on_error, **kwargs)

        self._change(path2, work)

    def cp_file(self, path1: Any, path2: Any, **kwargs: Any) -> None:
        source, target = parse(stringify_path(path1)), parse(stringify_path(path2))

        def work(changes: Changes) -> None:
            if self.isdir(path1):
                self.makedirs(path2, exist_ok=True)
            else:
                bulk.copy(changes, source, target)

        self._change(target, work)

    def mv(
        self, path1: Any, path2: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any
    ) -> None:
        def work(changes: Changes) -> None:
            one = self._one(path1)
            if one is not None and maxdepth is None:
                bulk.move(changes, one, self._into(path1, path2))
            else:
                super(Looking, self).mv(path1, path2, recursive=recursive, maxdepth=maxdepth, **kwargs)

        self._change(path1, work)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        def work(changes: Changes) -> None:
            for each in path if isinstance(path, list | tuple) else [path]:
                one = self._one(each)
                if one is not None and maxdepth is None:
                    bulk.remove(changes, one, recursive=recursive)
                    continue
                for below in reversed(self.expand_path(each, recursive=recursive, maxdepth=maxdepth)):
                    self._rm_if_empty(changes, parse(below), recursive=recursive)

        self._change(path, work)

    def _rm_if_empty(self, changes: Changes, at: Address, *, recursive: bool) -> None:
        """Remove what was found down to some depth: a directory that holds more is kept."""
        if not recursive or not self.isdir(str(at)):
            bulk.remove(changes, at, recursive=False)
        elif not self.ls(str(at), detail=False):
            bulk.remove_empty(changes, at)

    def rm_file(self, path: Any) -> None:
        at = parse(stringify_path(path))
        self._change(at, lambda changes: bulk.remove(changes, at, recursive=False))

    def _rm(self, path: Any) -> None:
        self.rm_file(path)

    def _one(self, path: Any) -> Address | None:
        """The one address that `path` is, if it is no list and no pattern."""
        if isinstance(path, list | tuple):
            return None
        text = stringify_path(path)
        return None if has_magic(text) and not self.exists(text) else parse(text)

    def _into(self, source: Any, target: Any) -> Address:
        """Where `source` goes when it is copied to `target`: below it, if that is a directory, as with `cp`."""
        source, target = stringify_path(source), stringify_path(target)
        at = parse(target)
        contents = source.endswith("/") and self.isdir(source)
        if contents or not (target.endswith("/") or self.isdir(target)):
            return at
        return Address(
            at.repo, at.ref, posixpath.join(at.path, posixpath.basename(self._strip_protocol(source)))
        )

    # directories

    def mkdir(self, path: Any, create_parents: bool = True, **kwargs: Any) -> None:
        at = parse(stringify_path(path))
        with translated(at):
            if not at.path:
                self._create_repo(at)
                return
        self._change(at, lambda changes: _mkdir(changes, at, create_parents))

    def makedirs(self, path: Any, exist_ok: bool = False) -> None:
        at = parse(stringify_path(path))
        with translated(at):
            if not at.path and not exist_ok:
                self._create_repo(at)
                return
            if exist_ok and self._is_ready_for(at):
                return
        self._change(at, lambda changes: _mkdir(changes, at, create_parents=True))

    def _is_ready_for(self, at: Address) -> bool:
        """Whether there is nothing to do before something is written below `at`, which shall be a directory.

        With `exist_ok` programs prepare to write, and directories come with what is written to them: a commit of its
        own, of an empty directory, would be one too many. What is a part of other changes is made. A repo is not: the
        mistyped name of one would be a new one.
        """
        if not at.repo or at.ref == "":
            return self.isdir(str(at))
        require_repo(self.data, at)
        found = self._find(at)
        if found is not None:
            return found.is_dir
        branch(self.data, at)
        return self._current() is None

    def rmdir(self, path: Any) -> None:
        at = parse(stringify_path(path))
        self._change(at, lambda changes: bulk.remove_empty(changes, at))

    def _create_repo(self, at: Address) -> None:
        """`mkdir("pfs://trips")` makes the repo, and the store if there is none. A branch is made from a commit."""
        if at.repo and at.ref is None and not self.exists(at.place):
            with store.open_or_create(self.store_path) as data:
                data.create_repo(at.repo)
            self.tell_daemons()
            return
        self.info(at.place)  # which says what is missing
        raise os_error(errno.EEXIST, "it exists already", at)


def _write(changes: Changes, at: Address, data: bytes | BinaryIO, kind: str) -> None:
    """Make `at` a file with `data`. `kind`: "a" adds to what it holds, "x" is for a new one, else it is replaced."""
    if not at.path:
        raise store.IsADirectory(b"")
    if kind == "x" and _found(changes, at):
        raise os_error(errno.EEXIST, "it exists already", at)
    if not isinstance(data, bytes) and data.seekable():
        data.seek(0)  # it may be the second attempt
    if kind == "a":
        changes.line(at, "append to").append(at.path, data)
    else:
        changes.line(at, "write").write(at.path, data)


def _mkdir(changes: Changes, at: Address, create_parents: bool) -> None:
    if _found(changes, at):
        raise os_error(errno.EEXIST, "it exists already", at)
    above = Address(at.repo, at.ref, posixpath.dirname(at.path))
    if not create_parents:
        changes.place(above).get()
    changes.line(at, "make directory").mkdir(at.path)


def _found(changes: Changes, at: Address) -> bool:
    """Whether anything is at `at`, where something new is to be."""
    require_repo(changes.data, at)
    return changes.find(at) is not None
