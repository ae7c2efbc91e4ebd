"""The sums of tables: a record of `meta` that says what those hold whose records change in place.
store/format/tables.md

Each transaction carries them on (`engine/sums.py`). When the table does not add up to its sum, one of the two is on a
page that is not the one that was written last.
"""

from __future__ import annotations

from store import header
from store.engine import Reading, Writing
from store.engine.sums import MODULUS, share
from store.errors import Corrupt
from store.format import tables
from store.format.tables import META, SUMS, SUMS_KEY, Sums

WRONG = "its records do not add up to its sum: a page of it is not the one that was written last"


def are_kept(reading: Reading) -> bool:
    """Whether the store keeps them. Raises Corrupt."""
    found = header.find(reading)
    return found is not None and SUMS in found.features


def find(reading: Reading) -> Sums | None:
    """The sums that are kept; None when there are none. Raises Corrupt."""
    body = reading.get(META, SUMS_KEY)
    return None if body is None else tables.decode(Sums, body)


def count(reading: Reading) -> Sums:
    """What the tables add up to; reads every record of them. Raises Corrupt."""
    return Sums(
        **{
            table: sum(share(value) for _, value in reading.iter_raw(table.encode())) % MODULUS
            for table in Sums.__struct_fields__
        }
    )


def keep(writing: Writing) -> None:
    """Count the sums anew, and keep them from now on."""
    writing.put(META, SUMS_KEY, tables.encode(count(writing)))
    writing.changes.clear()


def differing(one: Sums, other: Sums) -> list[str]:
    """The tables of which the sums are not the same."""
    return [table for table in Sums.__struct_fields__ if getattr(one, table) != getattr(other, table)]


def check(reading: Reading) -> None:
    """Raise Corrupt when the sums are not there, or a table does not add up to its own."""
    if not are_kept(reading):
        return
    kept = find(reading)
    if kept is None:
        raise Corrupt("record of sums", "it is missing")
    for table in differing(kept, count(reading)):
        raise Corrupt(f"table {table}", WRONG)
