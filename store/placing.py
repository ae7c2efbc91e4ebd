"""A directory that is at its place when it is whole, and not before: made beside it, synced, renamed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.errors import Full, NotWritable, Refused, StoreError


@contextmanager
def new_directory(where: Path, *, outside: Path) -> Iterator[Path]:
    """Gives a new directory, which becomes `where` when the block ends, durably, and is removed if anything is raised.

    Raises Refused, first of all, when `where` is neither new nor an empty directory, or is within the directory
    `outside`; Full, NotWritable, also for what the block raises as OSError. A process that dies in the block leaves a
    directory with a dot in front of its name, and nothing at `where` but missing parents.
    """
    made: Path | None = None
    try:
        _check_free(where, outside)
        where.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{where.name}.", dir=where.parent))
        yield made
        _sync(made)
        os.rename(made, where)
        _sync(where.parent)
    except OSError as error:
        raise _said(error, where) from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)  # what was renamed is not there any more


def _check_free(where: Path, outside: Path) -> None:
    if where.resolve().is_relative_to(outside.resolve()):
        raise Refused(f"{where} lies in the store itself")
    if where.is_symlink() or (where.exists() and (not where.is_dir() or any(where.iterdir()))):
        raise Refused(f"{where} is not a new or empty directory; choose another, or move it away")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _said(error: OSError, where: Path) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Full(where)
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
        return Refused(f"{where} is not a new or empty directory; choose another, or move it away")
    return NotWritable(where, (error.strerror or str(error)).lower())
