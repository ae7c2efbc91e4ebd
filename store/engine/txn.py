"""Transactions, as what works in them sees them: tables of keys and values, which are sealed or as they are.

A transaction begins and ends in `env.py`; LMDB's errors pass through here and become ours there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from store.errors import Corrupt
from store.format import commit, sealed, tables

MAX_KEY = 511
"""Bytes in a key: LMDB's own limit."""
OBJECTS, SEGMENTS = b"objects", b"segments"
TABLES = (
    tables.META,
    tables.REPOS,
    tables.REFS,
    tables.LOG,
    tables.DOWNSTREAM,
    tables.PINS,
    tables.SHELVES,
    commit.TABLE,
    OBJECTS,
    SEGMENTS,
)


class Reading:
    """A consistent look at all tables; what it gives as memoryview is valid until it ends."""

    def __init__(self, txn: Any, handles: dict[bytes, Any]) -> None:
        self._txn, self._handles = txn, handles

    def end(self) -> None:
        """To be called by whoever began it, once."""
        self._txn.abort()

    @property
    def number(self) -> int:
        """The number of the last transaction that this one sees."""
        return int(self._txn.id())

    def count(self, table: bytes) -> int:
        """How many records the table has."""
        return int(self._txn.stat(self._handles[table])["entries"])

    def get_raw(self, table: bytes, key: bytes) -> memoryview | None:
        """The bytes under `key`, or None; also for a key that LMDB could not hold."""
        if not 0 < len(key) <= MAX_KEY:
            return None
        found: memoryview | None = self._txn.get(key, db=self._handles[table])
        return found

    def get_many(self, table: bytes, keys: Sequence[bytes]) -> list[memoryview]:
        """The bytes under `keys`, in this order; fewer when some are missing. Cheaper than one by one."""
        with self._txn.cursor(db=self._handles[table]) as cursor:
            return [value for _, value in cursor.getmulti(keys)]

    def present(self, table: bytes, keys: Iterable[bytes]) -> set[bytes]:
        """Those of the `keys` (of 1 to 511 bytes) that the table has."""
        get, handle = self._txn.get, self._handles[table]
        return {key for key in keys if get(key, db=handle) is not None}

    def get(self, table: bytes, key: bytes) -> bytes | None:
        """The body of the sealed value under `key`, or None. Raises Corrupt, also when there is none and what stands
        where it would be is damaged: then nobody can say that there was none.
        """
        value = self.get_raw(table, key)
        if value is not None:
            return sealed.unseal(table, key, value)
        if 0 < len(key) <= MAX_KEY:
            for _ in self.iter_around(table, key):
                pass
        return None

    def iter_around(self, table: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The record of a sealed table right before those that begin with `prefix`, and the one right after. Raises
        Corrupt when they are not what was written.
        """
        beyond = _beyond(prefix)
        with self._txn.cursor(db=self._handles[table]) as cursor:
            if cursor.prev() if cursor.set_range(prefix) else cursor.last():
                yield self._opened(table, cursor)
            if beyond and cursor.set_range(beyond):
                yield self._opened(table, cursor)

    @staticmethod
    def _opened(table: bytes, cursor: Any) -> tuple[bytes, bytes]:
        key = bytes(cursor.key())
        return key, sealed.unseal(table, key, cursor.value())

    def iter_raw(
        self, table: bytes, prefix: bytes = b"", *, reverse: bool = False
    ) -> Iterator[tuple[bytes, memoryview]]:
        """The keys that begin with `prefix`, in order (or in reverse), with their bytes. Raises Corrupt when they are
        not in order, or not as many as the table should have: then LMDB has not found all of them.
        """
        last: bytes | None = None
        missing = 0 if prefix else self.count(table)
        with self._txn.cursor(db=self._handles[table]) as cursor:
            going = self._seek_last(cursor, prefix) if reverse else cursor.set_range(prefix)
            while going:
                key = bytes(cursor.key())
                if not key.startswith(prefix):
                    return
                if last is not None and (key <= last, key >= last)[reverse]:
                    raise Corrupt(f"table {table.decode()}", "its keys are not in order")
                last = key
                missing -= 1
                yield key, cursor.value()
                going = cursor.prev() if reverse else cursor.next()
        if missing and not prefix:
            raise Corrupt(
                f"table {table.decode()}",
                f"{missing} of its records are missing"
                if missing > 0
                else f"it has {-missing} records too many",
            )

    def keys_around(self, table: bytes, prefix: bytes, key: bytes, count: int) -> list[bytes]:
        """Keys that begin with `prefix`: up to `count` before the place of `prefix + key`, and as many from it on."""
        middle = (prefix + key)[:MAX_KEY] or b"\0"
        before: list[bytes] = []
        after: list[bytes] = []
        with self._txn.cursor(db=self._handles[table]) as cursor:
            going = cursor.set_range(middle)
            while going and len(after) < count and (there := bytes(cursor.key())).startswith(prefix):
                after.append(there)
                going = cursor.next()
            going = cursor.prev() if cursor.set_range(middle) else cursor.last()
            while going and len(before) < count and (there := bytes(cursor.key())).startswith(prefix):
                before.append(there)
                going = cursor.prev()
        return before[::-1] + after

    def iter(
        self, table: bytes, prefix: bytes = b"", *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """The same with the bodies of sealed values; those on either side of them must be what was written, too."""
        for key, value in self.iter_raw(table, prefix, reverse=reverse):
            yield key, sealed.unseal(table, key, value)
        if prefix:
            for _ in self.iter_around(table, prefix):
                pass

    @staticmethod
    def _seek_last(cursor: Any, prefix: bytes) -> bool:
        beyond = _beyond(prefix)
        return bool(cursor.prev() if beyond and cursor.set_range(beyond) else cursor.last())


def _beyond(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`; empty when there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else b""


class Seen:
    """What a transaction has found to be there, beside what those before it have."""

    def __init__(self, before: set[bytes]) -> None:
        self._before = before
        self.fresh: set[bytes] = set()

    def add(self, mark: bytes) -> bool:
        """Note `mark`; whether it is new."""
        if mark in self._before or mark in self.fresh:
            return False
        self.fresh.add(mark)
        return True


class Writing(Reading):
    """A transaction that writes; all of it becomes durable at once, or none."""

    def __init__(self, txn: Any, handles: dict[bytes, Any], seen: Seen | None) -> None:
        super().__init__(txn, handles)
        self.seen = seen
        """None: no sweep has dropped anything since this process opened the store (`presence.py`)."""

    @property
    def number(self) -> int:
        """The transaction's number; the one before it is the last that was committed."""
        return int(self._txn.id())

    def put_raw(self, table: bytes, key: bytes, value: bytes, *, append: bool = False) -> None:
        """Store `value` as it is; `append` when `key` is greater than all others."""
        self._txn.put(key, value, db=self._handles[table], append=append)

    def put(self, table: bytes, key: bytes, body: bytes) -> None:
        """Store `body` under a seal."""
        self._txn.put(key, sealed.seal(table, key, body), db=self._handles[table])

    def put_new(self, table: bytes, items: Sequence[tuple[bytes, bytes]]) -> int:
        """Store those of the `items`, as they are, of which the table has no such key; how many that were."""
        with self._txn.cursor(db=self._handles[table]) as cursor:
            _, added = cursor.putmulti(items, overwrite=False)
            return int(added)

    def delete(self, table: bytes, key: bytes) -> bool:
        """Remove `key`; whether it was there."""
        return bool(self._txn.delete(key, db=self._handles[table]))

    def last_key(self, table: bytes) -> bytes | None:
        """The greatest key."""
        with self._txn.cursor(db=self._handles[table]) as cursor:
            return bytes(cursor.key()) if cursor.last() else None
