"""What a transaction does to the sums of tables.        store/format/tables.md, "Sums"

A record adds its seal to its table's sum, and takes it out again when it goes: a hash of a set that follows each change
of it by an addition (AdHash; Bellare and Micciancio, "A New Paradigm for Collision-free Hashing: Incrementality at
Reduced Cost", 1997). The seal is a hash of table, key and body already, so nothing is hashed for it.
"""

from __future__ import annotations

from msgspec import structs

from store.format.sealed import SEAL
from store.format.tables import Sums

SUMMED = frozenset(table.encode() for table in Sums.__struct_fields__)
"""The tables whose records change in place. What those of others say, further records say too."""
MODULUS = 1 << 64


def share(value: bytes | memoryview | None) -> int:
    """What the record with this value adds to its table's sum; None: there is no record."""
    return 0 if value is None else int.from_bytes(value[:SEAL], "big")


class Changes:
    """By how much the sums have to change."""

    def __init__(self) -> None:
        self._by: dict[bytes, int] = {}

    def __bool__(self) -> bool:
        return any(self._by.values())

    def note(self, table: bytes, before: bytes | memoryview | None, after: bytes | memoryview | None) -> None:
        """A record of the table had the value `before`, and has `after`; None: it was not there, or is not."""
        self._by[table] = (self._by.get(table, 0) + share(after) - share(before)) % MODULUS

    def clear(self) -> None:
        """Forget what was noted: the sums were counted anew."""
        self._by.clear()

    def applied(self, sums: Sums) -> Sums:
        """The sums with the changes in them."""
        by = {table.decode(): change for table, change in self._by.items()}
        added = {table: (getattr(sums, table) + change) % MODULUS for table, change in by.items()}
        return structs.replace(sums, **added)
