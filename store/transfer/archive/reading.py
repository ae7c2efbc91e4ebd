"""A tar archive into an edit."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import BinaryIO, cast

from store import names
from store.edit import TreeEdit
from store.errors import BadArchive, BadName, IsADirectory, NotADirectory, show
from store.transfer.archive.compression import as_bad_archive, unpacked
from store.transfer.archive.members import Archive, Member, mtime_ns, read

KINDS = {
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}
MAX_TARGET = 4095
"""Bytes in the target of a symlink: Linux makes no longer ones."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A member that was left out."""

    name: bytes
    """As the archive gives it."""
    why: str

    def __str__(self) -> str:
        return f"{show(self.name)}: {self.why}"


def put_tar(edit: TreeEdit, stream: BinaryIO, path: str | bytes = "") -> tuple[LeftOut, ...]:
    """Put the members of the archive `stream`, compressed or not, below `path`; those that cannot be, and why.

    Modes, mtimes and symlinks are kept; a hard link becomes a file with the same contents. Of two members with one
    name the last counts. Left out are devices and pipes; names that are absolute, lead out through `..`, or go
    through a symlink or file; a file where a directory is. Raises BadArchive for an archive that is damaged or was cut
    short, and what `stream` raises; then part of it may be in the edit, which should be given up.
    """
    into = names.path(path)
    left_out: list[LeftOut] = []
    with as_bad_archive():
        source = unpacked(stream)
    for member, body in Archive(source):
        try:
            _put(edit, member, body, into)
        except (BadName, IsADirectory, NotADirectory, _Unfit) as error:
            left_out.append(LeftOut(_bytes(member.name), str(error)))
    return tuple(left_out)


class _Unfit(Exception):
    """Why one member is not put."""


def _put(edit: TreeEdit, member: Member, body: BinaryIO | None, into: bytes) -> None:
    path = _below(into, _bytes(member.name))
    mode = member.mode & 0o7777
    if member.isdir():
        edit.mkdir(path, mode=mode, mtime_ns=mtime_ns(member))
    elif member.issym():
        target = _bytes(member.linkname)
        if not 0 < len(target) <= MAX_TARGET:
            raise _Unfit(f"it is a link to a name of {len(target)} bytes")
        edit.symlink(path, target, mtime_ns=mtime_ns(member))
    elif member.islnk():
        _link(edit, path, _below(into, _bytes(member.linkname)))
    elif body is not None:
        edit.write(path, _whole(body, member), mode=mode, mtime_ns=mtime_ns(member))
    else:
        raise _Unfit(f"it is {KINDS.get(member.type, 'neither file nor directory nor link')}")


def _link(edit: TreeEdit, path: bytes, target: bytes) -> None:
    """A hard link: the same entry once more."""
    found, there = edit.find(target), edit.find(path)
    if found is None or found.is_dir:
        raise _Unfit(f"it is a link to {show(target)}, which is not a file of the archive")
    if there is not None and there.is_dir:
        raise IsADirectory(path)
    edit.graft(path, found)


def _below(into: bytes, name: bytes) -> bytes:
    """Where `name` belongs. Raises _Unfit when that is elsewhere, BadName."""
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if name.startswith(b"/"):
        raise _Unfit("its name is absolute")
    if b".." in parts:
        raise _Unfit("its name leads out of the archive")
    return names.path(b"/".join([into, *parts]))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _whole(body: BinaryIO, member: Member) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Body(body, member), 1 << 18))


class _Body(io.RawIOBase):
    """The bytes of a member, which has as many as its header says, or BadArchive."""

    def __init__(self, body: BinaryIO, member: Member) -> None:
        self._body, self._member, self._left = body, member, member.size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase says Buffer, a 3.12 name
        given = read(self._body, len(buffer))
        if not given and self._left:
            raise BadArchive(f"{self._member.name!r} was cut short")
        self._left -= len(given)
        buffer[: len(given)] = given
        return len(given)
