"""What `pfs get --tar` and `pfs put --tar` do: archives, through files and pipes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from pfsfuse.cli.data import url
from pfsfuse.cli.shared.address import STDIO
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.progress import open_progress
from pfsfuse.cli.shared.text import plural, safe

if TYPE_CHECKING:
    from pfsfuse.cli.shared.address import Place
    from store import Entry, TreeEdit


def write(place: Place, entry: Entry, dest: str) -> None:
    """Write the archive of `entry` to the file `dest` or standard output; a file appears when it is whole."""
    import store

    with (
        open_output(dest) as stream,
        compressed(stream, dest) as out,
        open_progress("get", entry.size) as line,
    ):
        store.write_tar(place.commit.trees, entry, out, progress=line.tell)


@contextmanager
def open_output(dest: str) -> Iterator[BinaryIO]:
    """The file `dest`, there once the block has ended well, or standard output, which must not be a terminal."""
    if dest == STDIO:
        if sys.stdout.isatty():
            raise CommandError(
                "standard output is a terminal", hint="name a file, or send it to one with > or |"
            )
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    to = Path(dest)
    if to.is_dir() or dest.endswith("/"):
        raise CommandError(f"{safe(dest)} is a directory, and a file is written", hint="name the file")
    if to.exists() and not to.is_file():
        with open(to, "wb") as special:  # a device or pipe, which is no file to replace
            yield special
        return
    if not to.parent.is_dir():
        raise CommandError(f"{safe(str(to.parent))} is not a directory", hint="make it first")
    import tempfile

    descriptor, scratch = tempfile.mkstemp(prefix=".pfs-", dir=to.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            os.fchmod(stream.fileno(), 0o666 & ~_umask())
        os.replace(scratch, to)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(scratch)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def compressed(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """`stream`, compressed as the end of `name` says: .gz, .tgz, .bz2, .xz or .zst."""
    if name.endswith((".gz", ".tgz")):
        import gzip

        # Without the time, which is not of the data, and would change its bytes.
        with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
            yield cast(BinaryIO, packed)
    elif name.endswith(".bz2"):
        import bz2

        with bz2.BZ2File(stream, "wb") as packed2:
            yield cast(BinaryIO, packed2)
    elif name.endswith(".xz"):
        import lzma

        with lzma.LZMAFile(stream, "wb") as packed3:
            yield cast(BinaryIO, packed3)
    elif name.endswith((".zst", ".zstd")):
        import zstandard

        with zstandard.ZstdCompressor().stream_writer(stream, closefd=False) as packed4:
            yield cast(BinaryIO, packed4)
    else:
        yield stream


@contextmanager
def open_archive(source: str) -> Iterator[BinaryIO]:
    """The archive `source`: a file, standard input, or what a URL gives."""
    if source == STDIO:
        yield sys.stdin.buffer
    elif url.is_url(source):
        from pfsfuse.cli.data import download

        with download.open_url(source) as body:
            yield body
    else:
        try:
            stream = open(source, "rb")  # noqa: SIM115  # closed below; its opening alone is explained here
        except OSError as error:
            raise CommandError(f"{safe(source)}: {error.strerror}; nothing was put") from None
        with stream:
            yield stream


def put(edit: TreeEdit, sources: tuple[str, ...], path: bytes, *, keep_going: bool) -> bool:
    """Put what the archives hold below `path`; whether all of it.

    Names on stderr what is left out, and raises CommandError then, unless the rest shall be put.
    """
    import store

    count = 0
    for source in sources:
        with open_archive(source) as stream, open_progress("put", None) as progress:
            try:
                left_out = store.put_tar(edit, progress.reading(stream), path)
            except store.BadArchive as error:
                raise store.BadArchive(error.why, name=safe(source)) from None
        for each in left_out:
            print(f"pfs: {safe(source)}: {safe(str(each))}", file=sys.stderr)
        count += len(left_out)
    if count:
        said = f"{plural(count, 'member')} of the archive cannot be put"
        if not keep_going:
            raise CommandError(f"{said}; nothing was put", hint="--keep-going puts the rest")
        print(f"pfs: {said}; the rest was", file=sys.stderr)
    return not count
