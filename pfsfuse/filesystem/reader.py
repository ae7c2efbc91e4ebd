"""File objects to read from: the store's own reader, and what programs that know fsspec ask of one."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

import fsspec

from pfsfuse.filesystem.info import Info

BUFFER = 64 << 10
"""Bytes for a program that reads little at a time, as many as in the store's own file objects."""


class PfsReader(io.BufferedReader):
    """A file as it was when it was opened, whatever is committed meanwhile. Seekable; large reads are not buffered."""

    def __init__(self, fs: fsspec.AbstractFileSystem, details: Info, source: BinaryIO) -> None:
        # The raw reader from under the store's own buffer, so that bytes are not copied through two.
        super().__init__(cast(io.BufferedReader, source).detach(), BUFFER)
        self.fs = fs
        self.details = details
        self.path: str = details["name"]
        self.size: int = details["size"]
        """Bytes."""

    def info(self) -> Info:
        """What the file is."""
        return self.details

    @property
    def full_name(self) -> str:
        """Its URL."""
        return str(self.fs.unstrip_protocol(self.path))

    @property
    def loc(self) -> int:
        """Where the next byte comes from, by the name that fsspec's own files have for it."""
        return self.tell()

    def __reduce__(self) -> tuple[Any, ...]:
        """The same path of the same file system, opened again, at the same byte."""
        return _open, (self.fs, self.path, self.tell())


def _open(fs: fsspec.AbstractFileSystem, path: str, at: int) -> PfsReader:
    file = cast(PfsReader, fs.open(path, "rb"))
    file.seek(at)
    return file
