"""Members of a tar archive, read with the standard library and without its surprises.

What tarfile does that must not happen here, each with what is done about it:

    a header that is damaged or cut off ends the archive without a word        -> BadArchive, in `frombuf`
    an archive that ends without its end marker is taken to be whole           -> BadArchive, in `frombuf`
    extended headers are read whole, whatever size they announce               -> at most 64 KiB, in `frombuf`
    a long run of digits in one takes time that grows with its square          -> only what is needed is passed on
    sparse members have maps without a bound                                   -> refused
    every member is remembered                                                 -> forgotten after each
    mtimes are floats                                                          -> read from the text
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, Self, cast

from store.errors import BadArchive
from store.records import clamped
from store.transfer.archive.compression import as_bad_archive

EXTENDED = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}
MAX_EXTENDED = 64 << 10
"""Bytes of an extended header; real ones hold two paths and a few numbers."""
MAX_VALUE = 8 << 10
"""Bytes of a path in one: twice what Linux takes."""
NEEDED = (b"path", b"linkpath", b"size", b"mtime", b"hdrcharset")
RECORD = re.compile(rb"(\d{1,6}) ([^=\n]{1,200})=")


class Member(tarfile.TarInfo):
    """One member; raises ReadError for whatever is not a sound header or the end marker."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in the stubs: the end marker
            raise
        except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]  # as above
            raise tarfile.ReadError("it ends without its end marker, so it was cut short") from None
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a header is damaged: {error}") from None
        if member.size < 0:
            raise tarfile.ReadError("a member has a negative size")
        if member.type in EXTENDED and member.size > MAX_EXTENDED:
            raise tarfile.ReadError(f"an extended header of {member.size} bytes is more than any name needs")
        if member.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError(_no_sparse(member.name))
        return member

    def _proc_pax(self, archive: Any) -> Self:
        source = archive.fileobj
        raw = source.read(self._block(self.size))  # type: ignore[attr-defined]  # not in the stubs
        archive.fileobj = _Given(_needed(raw[: self.size]), source)
        try:
            member: Self = super()._proc_pax(archive)  # type: ignore[misc]  # not in the stubs
        finally:
            archive.fileobj = source
        if member.size < 0:
            raise tarfile.ReadError("a member has a negative size")
        return member


class _Given:
    """A stream that gives one piece as its first read."""

    def __init__(self, first: bytes, rest: Any) -> None:
        self._first: bytes | None = first
        self._rest = rest

    def read(self, size: int) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return cast(bytes, self._rest.read(size))

    def tell(self) -> int:
        return cast(int, self._rest.tell())


def _needed(raw: bytes) -> bytes:
    """The records of an extended header that matter here. Raises ReadError for one that is not sound."""
    kept, at = [], 0
    while at < len(raw) and raw[at]:
        found = RECORD.match(raw, at)
        end = at + int(found[1]) if found else 0
        if found is None or end > len(raw) or end <= found.end() or raw[end - 1 : end] != b"\n":
            raise tarfile.ReadError("an extended header is damaged")
        if found[2].startswith(b"GNU.sparse."):
            raise tarfile.ReadError(_no_sparse(""))
        if found[2] in NEEDED:
            if end - found.end() > MAX_VALUE:
                raise tarfile.ReadError(f"a path of {end - found.end()} bytes is longer than any file's")
            kept.append(raw[at:end])
        at = end
    return b"".join(kept)


def _no_sparse(name: str) -> str:
    which = f"{name!r}" if name else "a member"
    return f"{which} is stored as a sparse file; make the archive without --sparse"


class Archive:
    """The members of a stream, one after another."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[tuple[Member, BinaryIO | None]]:
        """Each member with its bytes, for a file, which are to be read before the next. Raises BadArchive."""
        with _ours():
            archive = tarfile.open(  # noqa: SIM115  # its end would read the stream to the next block
                fileobj=self._stream,
                mode="r|",
                bufsize=1 << 18,
                tarinfo=Member,
                encoding="utf-8",
                errors="surrogateescape",
            )
        while True:
            with _ours():
                member = archive.next()
            if member is None:
                break
            archive.members = []  # type: ignore[attr-defined]  # not in the stubs; else every member is kept
            body = cast("BinaryIO | None", archive.extractfile(member)) if member.isreg() else None
            yield cast(Member, member), body
        with _ours():
            while self._stream.read(1 << 18):
                pass  # what follows is padding; a compressed stream has its checksum at the end


@contextmanager
def _ours() -> Iterator[None]:
    with as_bad_archive():
        try:
            yield
        except (tarfile.TarError, RecursionError, ValueError, OverflowError) as error:
            raise BadArchive(" ".join(str(error).split()) or "it cannot be read") from None


def read(body: BinaryIO, size: int) -> bytes:
    """A piece of a member's bytes. Raises BadArchive."""
    with _ours():
        return body.read(size)


def mtime_ns(member: Member) -> int:
    """Nanoseconds since 1970, exact when the archive is; within 64 bits. Raises BadArchive."""
    try:
        exact = int(Decimal(member.pax_headers.get("mtime", member.mtime)) * 1_000_000_000)
    except (InvalidOperation, ValueError, OverflowError):
        raise BadArchive(f"{member.name!r} has an mtime that is no number") from None
    return clamped(exact)
