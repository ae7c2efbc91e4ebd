"""One record to write or to remove."""

from __future__ import annotations

from dataclasses import dataclass

from store.format.segment import Place
from store.ids import ObjectId


@dataclass(frozen=True, slots=True)
class Mend:
    """Makes one record what the others say that it must be."""

    table: bytes
    key: bytes
    seen: bytes | None
    """The hash of the value that the plan saw, None when there was none. The mend is left out if it has changed."""
    after: bytes | None
    """The value to write; None: remove the record."""
    what: str
    """What it does and why, for people."""
    place: Place | None = None
    """Where the object lies that the record is about, for a place that is written."""


def seen(value: bytes | memoryview | None) -> bytes | None:
    """What a mend keeps of a value that it is to replace."""
    return None if value is None else ObjectId.of(value)
