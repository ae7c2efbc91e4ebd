"""What a store says about itself: the one record of the table `meta`.        store/format/tables.md"""

from __future__ import annotations

from store.engine import Reading, Writing
from store.errors import Corrupt
from store.format import tables
from store.format.tables import HEADER_KEY, META, Header


def find(reading: Reading) -> Header | None:
    """The header, as it is; None when there is none. Raises Corrupt."""
    body = reading.get(META, HEADER_KEY)
    return None if body is None else tables.decode(Header, body)


def get(reading: Reading) -> Header:
    """The header, as it is. Raises Corrupt, also when there is none."""
    found = find(reading)
    if found is None:
        raise Corrupt("header", "it is missing")
    return found


def put(writing: Writing, header: Header) -> None:
    """Set it."""
    writing.put(META, HEADER_KEY, tables.encode(header))
