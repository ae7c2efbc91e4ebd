"""What is remembered of the directories of the host that were put, so that what did not change is not read again.

For each directory of the host: the digest of its listing and the rows of its names (`listing.py`), and the entry
that was made of it. If the listing has the same digest, so has what was made of it; if not, the rows say which names
are new.

A cache and nothing else: a file of SQLite in the store's directory, beside the database. What is damaged, cut off or
locked is not used; what is older goes first when it grows too large. Three things keep it from ever doing harm:

1. Each record is sealed under its path, so a flipped bit is noticed.
2. A record is written after the objects that it leads to are on the disk.
3. Before a record is used, the root of its tree is looked up in the store. What is dropped by a sweep is dropped in one
   transaction, and what refers to something is written after it; so where the root is, everything below is. A writer
   is at work meanwhile, so no sweep is (`gc.md`).
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from store.ids import checksum
from store.records import Entry

FILE = "sources.db"
LIMIT = 256 << 20
"""Bytes of the file from which older records are dropped."""
WAITING = 16 << 20
"""Bytes of new records that may wait in memory."""
STALE_SECONDS = 24 * 3600
"""A record that was used is marked as used, if the mark is older than that."""
_SCHEMA = "CREATE TABLE IF NOT EXISTS directories (path BLOB PRIMARY KEY, used INTEGER, body BLOB)"
_FORGET = """
DELETE FROM directories WHERE path IN (SELECT path FROM directories ORDER BY used, rowid LIMIT ?)
"""
_TABLE = b"sources"


class Remembered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of one directory of the host."""

    digest: bytes
    """Of its listing; b"" when some of it may have changed unseen."""
    exact: bool
    """Whether the entries below bear the host's times. Where the repo had the same contents with older ones, it does
    not."""
    entry: Entry
    """What was made of it."""
    rows: bytes
    """The rows of its names but for directories, in the order of the names."""


_encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode
_decode = msgspec.msgpack.Decoder(Remembered).decode


@dataclass(slots=True)
class _Waiting:
    records: dict[bytes, Remembered]
    size: int


class Memory:
    """The memory of one store, in its `directory`. Where something is wrong with the file, it knows nothing and raises
    nothing.
    """

    def __init__(self, directory: Path, *, limit: int = LIMIT) -> None:
        self._path, self._limit = directory / FILE, limit
        self._waiting = _Waiting({}, 0)
        self._used: list[bytes] = []
        self._database: sqlite3.Connection | None = None
        self._open()

    def close(self) -> None:
        """Forget what was not saved."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def find(self, path: bytes) -> Remembered | None:
        """What is known of the directory `path` of the host."""
        if self._database is None:
            return None
        found: list[tuple[int, bytes]] = []
        with self._trying():
            query = "SELECT used, body FROM directories WHERE path = ?"
            found = self._database.execute(query, (path,)).fetchall()
        for used, body in found:
            if checksum(_TABLE, path, body[8:]) != body[:8]:
                return None
            if used < time.time() - STALE_SECONDS:
                self._used.append(path)
            with contextlib.suppress(msgspec.MsgspecError):
                return _decode(body[8:])
        return None

    def note(self, path: bytes, record: Remembered) -> bool:
        """Remember this, once it is saved; whether it is time to."""
        if self._database is None:
            return False
        self._waiting.records[path] = record
        self._waiting.size += len(record.rows) + 512
        return self._waiting.size > WAITING

    def save(self) -> None:
        """Write what was noted. Everything it leads to must be on the disk."""
        noted, self._waiting = self._waiting.records, _Waiting({}, 0)
        used, self._used = self._used, []
        if self._database is None or not (noted or used):
            return
        now = int(time.time())
        with self._trying():
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(
                "INSERT OR REPLACE INTO directories VALUES (?, ?, ?)", _sealed(noted, now)
            )
            self._database.executemany(
                "UPDATE directories SET used = ? WHERE path = ?", [(now, path) for path in used]
            )
            self._make_room()
            self._database.execute("COMMIT")

    def _make_room(self) -> None:
        """Drop the older half of the records, as often as it takes."""
        assert self._database is not None, "it is open"
        while self._size() > self._limit:
            (count,) = self._database.execute("SELECT COUNT(*) FROM directories").fetchone()
            self._database.execute(_FORGET, ((count + 1) // 2,))

    def _size(self) -> int:
        """Bytes of the pages that are in use."""
        assert self._database is not None, "it is open"
        pages, free, each = (
            self._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * each)

    def _open(self) -> None:
        with self._trying():
            self._database = sqlite3.connect(self._path, timeout=1, isolation_level=None)
            # Losing the last records costs reading some files again; the seals tell what was written by halves.
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.execute("PRAGMA auto_vacuum = FULL")
            self._database.execute(_SCHEMA)

    @contextlib.contextmanager
    def _trying(self) -> Iterator[None]:
        """Give the memory up where SQLite cannot; start afresh the next time where the file is damaged."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self.close()
            # Locked, full and read-only are OperationalErrors, and pass.
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                with contextlib.suppress(OSError):
                    self._path.unlink()


def _sealed(noted: dict[bytes, Remembered], now: int) -> Iterator[tuple[bytes, int, bytes]]:
    for path, record in noted.items():
        body = _encode(record)
        yield path, now, checksum(_TABLE, path, body) + body
