"""What happened to a working tree, one record after another.        pfsfuse/worktree/journal.md

    offset  size  type   field
    0       8     bytes  magic    b"PFSWTREE"
    then records, each
    0       4     u32be  length   bytes of the body
    4       4     u32be  inverse  the same with every bit turned: a length that is damaged is no end that was cut off
    8       4     u32be  check    CRC-32 of the body
    12      ..    bytes  body     msgpack: [kind, field...]

A record at the end that is cut off, or of which only zeros are there, was being written when the machine lost power:
nobody was told that it had happened, and it is taken away. Anything else that does not fit is damage, and then nothing
is taken away.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import msgspec

from pfsfuse.errors import WorktreeError
from store import Entry

MAGIC = b"PFSWTREE"
HEAD = struct.Struct(">III")
MASK = (1 << 32) - 1
LARGEST = 1 << 20
"""Bytes of a body that a reader is willing to take: names and link targets are at most 4 KiB, xattrs 64 KiB."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """What the changes were made to."""

    repo: str
    branch: str
    commit: bytes | None
    """The head at that time; None: the branch had no commit."""


class Make(msgspec.Struct, frozen=True, array_like=True, tag="make"):
    """A new file, directory or symlink."""

    number: int
    folder: int
    name: bytes
    mode: int
    mtime_ns: int
    target: bytes | None = None


class Take(msgspec.Struct, frozen=True, array_like=True, tag="take"):
    """An entry of the store becomes part of the working tree, where it is, so that something can happen to it."""

    number: int
    folder: int
    entry: Entry


class Write(msgspec.Struct, frozen=True, array_like=True, tag="write"):
    """A file has a scratch file now; up to `shown` its old bytes show through. Again when that becomes less."""

    number: int
    shown: int


class Change(msgspec.Struct, frozen=True, array_like=True, tag="change"):
    """New attributes; None: as before."""

    number: int
    mode: int | None
    mtime_ns: int | None


class Attribute(msgspec.Struct, frozen=True, array_like=True, tag="attribute"):
    """A user extended attribute is set, or (None) removed."""

    number: int
    name: bytes
    value: bytes | None


class Drop(msgspec.Struct, frozen=True, array_like=True, tag="drop"):
    """A name is gone. `hide`: from the store's directory, too."""

    folder: int
    name: bytes
    hide: bool
    at_ns: int


class Move(msgspec.Struct, frozen=True, array_like=True, tag="move"):
    """What is called `name` is called otherwise, in place of what had that name. `hide` as for Drop."""

    folder: int
    name: bytes
    to_folder: int
    to_name: bytes
    hide: bool
    at_ns: int


class Swap(msgspec.Struct, frozen=True, array_like=True, tag="swap"):
    """Two names change what they stand for."""

    folder: int
    name: bytes
    other_folder: int
    other_name: bytes
    at_ns: int


Record: TypeAlias = Begin | Make | Take | Write | Change | Attribute | Drop | Move | Swap

LONGEST_BEGIN = 4096
"""Bytes in which a journal's first record ends: it has two names of 100 bytes at most."""

_encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode  # ids are bytes to the format
_decode = msgspec.msgpack.Decoder(Record).decode


class Journal:
    """The journal at `path`, made if it is missing. Raises WorktreeError; then it is left as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self.found, end = read(_all(self._descriptor))
            """The records that were there."""
        except ValueError as error:
            os.close(self._descriptor)
            raise damaged(path, str(error)) from None
        os.ftruncate(self._descriptor, end)
        if end == 0:
            _write_all(self._descriptor, MAGIC)
        self.size = max(end, len(MAGIC))
        """Bytes."""

    def add(self, record: Record) -> None:
        """Append `record`: survives the process at once, the machine after `sync`. Raises OSError (ENOSPC); then it has
        not happened.
        """
        data = encoded(record)
        try:
            _write_all(self._descriptor, data)
        except OSError:
            self.take_back(self.size)
            raise
        self.size += len(data)

    def take_back(self, size: int) -> None:
        """Leave out what was added since it was `size` bytes large: it has not happened after all."""
        os.ftruncate(self._descriptor, size)
        self.size = size

    def replace(self, records: Iterable[Record]) -> None:
        """Have it hold just these, durable on return; at once or not at all."""
        write(self.path, records)
        os.close(self._descriptor)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self.size = os.fstat(self._descriptor).st_size

    def sync(self) -> None:
        """Everything that was added is durable on return."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def damaged(path: Path, why: str) -> WorktreeError:
    """The journal at `path` cannot be read."""
    directory = path.parent
    return WorktreeError(
        f"{path} is damaged: {why}",
        hint=f"what was written is in {directory / 'files'}, each file under a number: save what you need, and move "
        f"{directory} away",
    )


def write(path: Path, records: Iterable[Record]) -> None:
    """A journal at `path` of just these, durable on return; in place of the one that is there, or not at all."""
    fresh = path.with_suffix(".new")
    with open(fresh, "wb") as file:
        file.write(MAGIC)
        file.writelines(encoded(record) for record in records)
        file.flush()
        os.fsync(file.fileno())
    os.rename(fresh, path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """The names in a directory are durable on return."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def encoded(record: Record) -> bytes:
    """The bytes of `record` in a journal."""
    body = _encode(record)
    return HEAD.pack(len(body), len(body) ^ MASK, zlib.crc32(body)) + body


def begin(path: Path) -> Begin | None:
    """What the journal at `path` was begun on, however long it is; None: nothing was written. Raises WorktreeError."""
    try:
        with open(path, "rb") as file:
            start = file.read(LONGEST_BEGIN)
        if len(start) < len(MAGIC) and MAGIC.startswith(start):
            return None
        if not start.startswith(MAGIC):
            raise ValueError("it does not begin as a journal does")
        record = _record(start, len(MAGIC))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise damaged(path, str(error)) from None
    return record[0] if record is not None and isinstance(record[0], Begin) else None


def read(data: bytes) -> tuple[list[Record], int]:
    """The records of a journal with these bytes, and where the last whole one ends (0: nothing was written yet).

    Raises ValueError when it is damaged.
    """
    if len(data) < len(MAGIC) and MAGIC.startswith(data):
        return [], 0
    if not data.startswith(MAGIC):
        raise ValueError("it does not begin as a journal does")
    found, at = [], len(MAGIC)
    while record := _record(data, at):
        found.append(record[0])
        at = record[1]
    return found, at


def _record(data: bytes, at: int) -> tuple[Record, int] | None:
    """The record at `at` and where it ends; None at the end, and for what was not written to the end."""
    start = at + HEAD.size
    if start > len(data) or not (any(data[at:start]) or any(memoryview(data)[at:])):
        return None
    length, inverse, check = HEAD.unpack_from(data, at)
    if length ^ inverse != MASK or length > LARGEST:
        raise ValueError(f"the record at byte {at}: its length is damaged")
    end = start + length
    if end > len(data):
        return None
    body = data[start:end]
    try:
        if zlib.crc32(body) != check:
            raise ValueError("its check does not fit")
        return _decode(body), end
    except ValueError as error:  # msgspec's own errors are ValueErrors, too
        if end == len(data):
            return None  # the last one: written in part
        raise ValueError(f"the record at byte {at}: {error}") from None


def _all(descriptor: int) -> bytes:
    with open(os.dup(descriptor), "rb") as file:
        return file.read()


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
