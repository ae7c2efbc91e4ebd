"""Datums that one worker takes at once (`datum_set_spec`): it runs those of a set one after another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil

from pfsfuse.pipeline import Datum, DatumSet

ONE = DatumSet(number=1)
"""Without a word about it, each worker takes the next datum when it is free: nobody waits for a set to end."""


def in_sets(
    datums: Sequence[Datum], wanted: DatumSet | None, workers: int, size_of: Callable[[Datum], int]
) -> Iterator[Sequence[Datum]]:
    """`datums` in their order, cut into sets; `size_of` gives the bytes of what a datum is shown."""
    wanted = wanted or ONE
    if wanted.size_bytes is not None:
        yield from _by_size(datums, wanted.size_bytes, size_of)
        return
    sets = max(1, workers * (wanted.per_worker or 1))
    number = wanted.number or max(1, ceil(len(datums) / sets))
    for start in range(0, len(datums), number):
        yield datums[start : start + number]


def _by_size(
    datums: Sequence[Datum], most: int, size_of: Callable[[Datum], int]
) -> Iterator[Sequence[Datum]]:
    start, total = 0, 0
    for at, datum in enumerate(datums):
        total += (size := size_of(datum))
        if total > most and at > start:
            yield datums[start:at]
            start, total = at, size
    if start < len(datums):
        yield datums[start:]
