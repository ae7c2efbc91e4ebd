"""What is there: looking around, and reading."""

from __future__ import annotations

import errno
from datetime import UTC, datetime
from typing import Any

from fsspec.utils import stringify_path

import store
from pfsfuse.filesystem import info
from pfsfuse.filesystem.address import Address, parse
from pfsfuse.filesystem.base import Base
from pfsfuse.filesystem.errors import os_error, translated
from pfsfuse.filesystem.info import Info
from pfsfuse.filesystem.place import Found
from pfsfuse.filesystem.reader import PfsReader


class Looking(Base):
    """Everything that changes nothing."""

    def info(self, path: Any, **kwargs: Any) -> Info:
        at = parse(stringify_path(path))
        if not at.repo:
            return info.directory("")
        with translated(at):
            if at.ref == "":
                self._check_list(at)
                return info.directory(str(at))
            if self._current() is not None and (file := self._find(at)) is not None and file.is_file:
                return info.of(str(at), file)
            found = self._place(at).get()
            return info.of(str(at), found.entry, found.link)

    def ls(self, path: Any, detail: bool = True, **kwargs: Any) -> list[Any]:
        at = parse(stringify_path(path))
        with translated(at):
            found = self._list(at)
        return found if detail else [each["name"] for each in found]

    def _list(self, at: Address) -> list[Info]:
        if not at.repo:
            return [info.directory(repo.name, created_ns=repo.created_ns) for repo in self.data.repos()]
        if at.ref == "":
            repo = self._check_list(at)
            kinds = [(each.name, "branch", each.head) for each in repo.branches()]
            kinds += [(each.name, "tag", each.commit) for each in repo.tags()]
            return [
                info.directory(f"{repo.name}@{name}", kind=kind, commit=None if id is None else str(id))
                for name, kind, id in sorted(kinds)
            ]
        place = self._place(at)
        found = place.get()
        if not found.entry.is_dir:
            return [info.of(str(at), found.entry, found.link)]
        return [info.of(f"{at}/{name}", below.entry, below.link) for name, below in place.iter()]

    def _check_list(self, at: Address) -> store.Repo:
        """The repo whose refs `at` lists."""
        if at.path:
            raise os_error(
                errno.ENOENT, f"{at.place} is the list of refs; write pfs://{at.repo}@REF/PATH", at
            )
        return self.data.repo(at.repo)

    def isdir(self, path: Any) -> bool:
        at = parse(stringify_path(path))
        try:
            with translated(at):
                found = self._find(at) if at.repo and at.ref != "" else None
                return self.info(path)["type"] == "directory" if found is None else found.is_dir
        except OSError:
            return False

    def du(
        self,
        path: Any,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> Any:
        if total and maxdepth is None and parse(stringify_path(path)).repo:
            found = self.info(path)
            return found.get("total_size", found["size"])
        return super().du(path, total=total, maxdepth=maxdepth, withdirs=withdirs, **kwargs)

    def created(self, path: Any) -> datetime:
        """The same as `modified`: when a file began to be is in `pfs log -- PATH`."""
        return self.modified(path)

    def modified(self, path: Any) -> datetime:
        return datetime.fromtimestamp(self.info(path).get("mtime", 0), UTC)

    def ukey(self, path: Any) -> str:
        """Equal exactly when kind, exec bit and contents are, in whatever commit or repo."""
        return str(self.info(path)["identity"])

    def checksum(self, path: Any) -> int:
        return int(self.ukey(path)[:16], 16)

    def cat_file(self, path: Any, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        at = parse(stringify_path(path))
        with translated(at):
            entry = self._file(at).entry
            first, last, _ = slice(start, end).indices(entry.size)
            data = self.data
            return data.fetch(data.extents(entry, first, last - first)) if last > first else b""

    def _file(self, at: Address) -> Found:
        """The file at `at`. Raises FileNotFoundError, IsADirectoryError."""
        found = self._place(at).get()
        if found.entry.is_dir:
            raise os_error(errno.EISDIR, "it is a directory", at)
        if not found.entry.is_file:
            raise os_error(errno.ENOENT, "it is a symlink that leads to nothing in its tree", at)
        return found

    def _reader(self, at: Address) -> PfsReader:
        """The file at `at`, to be read."""
        found = self._file(at)
        return PfsReader(self, info.of(str(at), found.entry, found.link), self.data.open(found.entry))
