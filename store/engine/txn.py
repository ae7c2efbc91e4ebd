"""Transactions, as what works in them sees them: tables of keys and values, which are sealed or as they are.

A transaction begins and ends in `env.py`; LMDB's errors pass through here and become ours there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from store.engine.sums import SUMMED, Changes
from store.errors import Corrupt
from store.format import commit, sealed, tables
from store.format.tables import Sums

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


Near = Callable[[bytes, bytes], object]
"""Looks at key and body of a record beside which nothing was found. Raises Corrupt when it cannot be of this store."""


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

    def get(self, table: bytes, key: bytes, near: Near | None = None) -> bytes | None:
        """The body of the sealed value under `key`, or None. Raises Corrupt, also when there is none and what stands
        around its place is damaged, or not what `near` expects: then nobody can say that there was none.
        """
        value = self.get_raw(table, key)
        if value is not None:
            return sealed.unseal(table, key, value)
        if 0 < len(key) <= MAX_KEY:
            self._check_gap(table, key, near)
        return None

    def _check_gap(self, table: bytes, prefix: bytes, near: Near | None) -> None:
        """Nothing begins with `prefix`. Raise Corrupt unless one of the records on either side is what it should be, or
        when one of them is this record under another key.

        One that is damaged in itself takes nothing with it, but a page that is another table's or another store's has
        only such records.
        """
        damaged, whole = None, False
        for key, value in self._around(table, prefix):
            try:
                body = sealed.unseal(table, key, value)
                if near is not None:
                    near(key, body)
                whole = True
            except Corrupt as error:
                damaged = error
                if sealed.is_sealed(table, prefix, value):
                    raise
        if damaged is not None and not whole:
            raise damaged

    def _around(self, table: bytes, prefix: bytes) -> Iterator[tuple[bytes, memoryview]]:
        """The record right before the place of `prefix`, and the one right after."""
        with self._txn.cursor(db=self._handles[table]) as cursor:
            if cursor.prev() if cursor.set_range(prefix) else cursor.last():
                yield bytes(cursor.key()), cursor.value()
            if cursor.set_range(prefix):
                yield bytes(cursor.key()), cursor.value()

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
        self, table: bytes, prefix: bytes = b"", *, reverse: bool = False, near: Near | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """The same with the bodies of sealed values. Raises Corrupt; when there are none, as `get` does."""
        found = False
        for key, value in self.iter_raw(table, prefix, reverse=reverse):
            found = True
            yield key, sealed.unseal(table, key, value)
        if not found and prefix:
            self._check_gap(table, prefix, near)

    @staticmethod
    def _seek_last(cursor: Any, prefix: bytes) -> bool:
        beyond = prefix.rstrip(b"\xff")
        if beyond and cursor.set_range(beyond[:-1] + bytes([beyond[-1] + 1])):
            return bool(cursor.prev())
        return bool(cursor.last())


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
        self.changes = Changes()
        """Of the sums of tables, to be settled before the end."""

    @property
    def number(self) -> int:
        """The transaction's number; the one before it is the last that was committed."""
        return int(self._txn.id())

    def settle(self) -> None:
        """Carry the sums of tables on, in a store that keeps them: the last thing before the transaction is committed.

        A record of sums that is damaged stays as it is: it is for the check to find, and keeps nobody from writing.
        """
        value = self.get_raw(tables.META, tables.SUMS_KEY) if self.changes else None
        if value is None:
            return
        with suppress(Corrupt):
            sums = tables.decode(Sums, sealed.unseal(tables.META, tables.SUMS_KEY, value))
            self.put(tables.META, tables.SUMS_KEY, tables.encode(self.changes.applied(sums)))

    def put_raw(self, table: bytes, key: bytes, value: bytes, *, append: bool = False) -> None:
        """Store `value` as it is; `append` when `key` is greater than all others."""
        if table in SUMMED:
            self.changes.note(table, self.get_raw(table, key), value)
        self._txn.put(key, value, db=self._handles[table], append=append)

    def put(self, table: bytes, key: bytes, body: bytes) -> None:
        """Store `body` under a seal."""
        self.put_raw(table, key, sealed.seal(table, key, body))

    def put_new(self, table: bytes, items: Sequence[tuple[bytes, bytes]]) -> int:
        """Store those of the `items`, as they are, of which the table has no such key; how many that were. Not for a
        table of which there is a sum.
        """
        with self._txn.cursor(db=self._handles[table]) as cursor:
            _, added = cursor.putmulti(items, overwrite=False)
            return int(added)

    def delete(self, table: bytes, key: bytes) -> bool:
        """Remove `key`; whether it was there."""
        if table in SUMMED:
            self.changes.note(table, self.get_raw(table, key), None)
        return bool(self._txn.delete(key, db=self._handles[table]))

    def last_key(self, table: bytes) -> bytes | None:
        """The greatest key."""
        with self._txn.cursor(db=self._handles[table]) as cursor:
            return bytes(cursor.key()) if cursor.last() else None
