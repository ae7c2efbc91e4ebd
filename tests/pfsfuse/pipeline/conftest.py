"""A commit in memory: what the pipelines need of one, and a record of what was asked."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b

import pytest

from store import CommitId, Entry, PathNotFound


class MemoryCommit:
    """The reading side of `store.Commit` over a plain dict of files; directories follow from the paths."""

    def __init__(self, files: dict[bytes, bytes]) -> None:
        self.id = CommitId(digest(*(part for pair in sorted(files.items()) for part in pair))[:16])
        self.asked: list[tuple[str, bytes]] = []
        self._entries: dict[bytes, Entry] = {b"": _directory(b"", files)}
        self._names: dict[bytes, list[bytes]] = {b"": []}
        for path in files:
            parts = path.split(b"/")
            for i, name in enumerate(parts):
                here, parent = b"/".join(parts[: i + 1]), b"/".join(parts[:i])
                if here in self._entries:
                    continue
                below = {p: c for p, c in files.items() if p.startswith(here + b"/")}
                self._entries[here] = _directory(name, below, here) if below else _file(name, files[here])
                self._names.setdefault(parent, []).append(name)

    @property
    def tree(self) -> Entry:
        return self._entries[b""]

    def find(self, path: bytes) -> Entry | None:
        self.asked.append(("find", path))
        return self._entries.get(path)

    def entry(self, path: bytes) -> Entry:
        if (found := self.find(path)) is None:
            raise PathNotFound(path)
        return found

    def list(self, path: bytes = b"") -> Iterator[Entry]:
        self.asked.append(("list", path))
        for name in sorted(self._names.get(path, [])):
            yield self._entries[path + b"/" + name if path else name]

    def walk(self, path: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        for entry in self.list(path):
            here = path + b"/" + entry.name if path else entry.name
            yield here, entry
            if entry.is_dir:
                yield from self.walk(here)


def digest(*parts: bytes) -> bytes:
    return blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in parts), digest_size=32).digest()


def _file(name: bytes, content: bytes) -> Entry:
    return Entry(name=name, mode=stat.S_IFREG | 0o644, mtime_ns=0, size=len(content), content=digest(content))


def _directory(name: bytes, below: dict[bytes, bytes], prefix: bytes = b"") -> Entry:
    told = [part for path in sorted(below) for part in (path[len(prefix) :], below[path])]
    size = sum(map(len, below.values()))
    return Entry(name, stat.S_IFDIR | 0o755, 0, size, files=len(below), digest=digest(b"directory", *told))


CommitOf = Callable[[Iterable[str | bytes]], MemoryCommit]


@pytest.fixture(scope="session")
def commit_of() -> CommitOf:
    """Make a commit of files: paths (each file holds its path), or a dict of path to content."""

    def make(files: Iterable[str | bytes] | dict[str, bytes]) -> MemoryCommit:
        given = files if isinstance(files, dict) else dict.fromkeys(files)
        raw = {path.encode() if isinstance(path, str) else path: content for path, content in given.items()}
        return MemoryCommit({path: path if content is None else content for path, content in raw.items()})

    return make
