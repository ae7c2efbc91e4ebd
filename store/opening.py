"""Opening stores, and making them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from store import header, sums
from store.engine import Environment, Writing, acquire, release
from store.errors import Exists, NotAStore, NotWritable
from store.format import tables
from store.store import Store

DATA = "data.mdb"
NO_FILE = "data.mdb in it is not a file"
FILES = {DATA, "lock.mdb"}
"""What a directory may hold before a store is made in it: files of a process that died while it was at it."""


def open(path: str | Path) -> Store:
    """The store in the directory `path`. Raises NotAStore, NewerFormat, NotWritable, Corrupt.

    It may be opened as often as is convenient; all who have it open in one process share what there is to share.
    """
    where = Path(path).absolute()
    try:
        mode = os.stat(where / DATA).st_mode
    except PermissionError:
        raise NotWritable(where, "permission denied") from None
    except (OSError, ValueError):
        raise NotAStore(where, _what_is_wrong(where)) from None
    if not stat.S_ISREG(mode):
        raise NotAStore(where, NO_FILE)
    if not os.access(where, os.W_OK | os.X_OK):
        read_only = os.statvfs(where).f_flag & os.ST_RDONLY
        raise NotWritable(where, "its file system is read-only" if read_only else "permission denied")
    return _opened(where, acquire(where))


def create(path: str | Path) -> Store:
    """Make a store in the new or empty directory `path`, for this user only (0700).

    Raises Exists, NotWritable, Full; NotAStore for a directory that holds other things. Then nothing has changed, but
    for missing parent directories, which may have been made. A process that dies in here leaves a directory in which
    `create` works.
    """
    where = Path(path).absolute()
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {item.name for item in where.iterdir()}
        if DATA in found and not (where / DATA).is_file():
            raise NotAStore(where, NO_FILE)
        if found - FILES and DATA not in found:
            raise NotAStore(where, "it is a directory with other things in it")
        if not found:
            where.chmod(0o700)
    except FileExistsError:
        raise NotAStore(where, _what_is_wrong(where)) from None
    except OSError as error:
        raise NotWritable(where, (error.strerror or str(error)).lower()) from None
    env = acquire(where, create=True)
    made = tables.new_header()

    def work(writing: Writing) -> None:
        if header.find(writing) is not None:
            raise Exists("store", str(where))
        header.put(writing, made)
        sums.keep(writing)

    try:
        env.write(work)
    except BaseException:
        release(env)
        raise
    return _opened(where, env)


def open_or_create(path: str | Path) -> Store:
    """The store in `path`, made if the directory is missing or empty. Raises what `open` and `create` raise.

    Several processes may do so at once: one makes the store, all open it.
    """
    try:
        return open(path)
    except NotAStore:
        try:
            return create(path)
        except Exists:
            return open(path)


def _what_is_wrong(where: Path) -> str:
    """Why there is no store in `where`, where there is no data.mdb."""
    try:
        if where.is_dir():
            return "there is no data.mdb in it"
        if where.is_symlink() and not where.exists():
            return f"it is a symlink to {os.readlink(where)!r}, which leads nowhere"
        return "it is not a directory" if os.path.lexists(where) else "there is no such directory"
    except ValueError:
        return "no directory can be called so"


def _opened(path: Path, env: Environment) -> Store:
    try:
        return Store(path, env)
    except BaseException:
        release(env)
        raise
