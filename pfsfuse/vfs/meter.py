"""How many requests of each kind there were, and how long their answers took.

Counting must cost next to nothing beside a request: one bucket of a histogram whose steps are powers of two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

SHIFT = 10
"""The first bucket ends at 1,024 ns; each further one at twice the one before."""
BUCKETS = 26
"""The last one holds everything above 17 s."""


class Meter:
    """Requests by kind. Counting from threads may lose one now and then; figures are for people."""

    def __init__(self) -> None:
        self._buckets: dict[str, list[int]] = {}
        self._total_ns: dict[str, int] = {}

    def count(self, name: str, nanoseconds: int) -> None:
        """A request of kind `name` was answered after so long."""
        bucket = (nanoseconds >> SHIFT).bit_length()
        try:
            self._buckets[name][bucket if bucket < BUCKETS else -1] += 1
            self._total_ns[name] += nanoseconds
        except KeyError:
            self._buckets[name] = [0] * BUCKETS
            self._total_ns[name] = 0
            self.count(name, nanoseconds)

    def counts(self) -> Counter[str]:
        """How many of each kind."""
        return Counter({name: sum(buckets) for name, buckets in self._buckets.items()})

    def figures(self) -> Mapping[str, Mapping[str, float]]:
        """By kind: `count`, `seconds` together, and the times in microseconds within which half, 99 % and all were
        answered, each rounded up to the end of its bucket.
        """
        return {
            name: {
                "count": sum(buckets),
                "seconds": round(self._total_ns[name] / 1e9, 6),
                "median_us": _within(buckets, 0.5),
                "p99_us": _within(buckets, 0.99),
                "max_us": _within(buckets, 1.0),
            }
            for name, buckets in sorted(self._buckets.items())
        }


def _within(buckets: list[int], share: float) -> float:
    """The end of the bucket, in microseconds, up to which `share` of all lie."""
    wanted, seen = share * sum(buckets), 0
    for bucket, number in enumerate(buckets):
        seen += number
        if number and seen >= wanted:
            return round((1 << SHIFT + bucket) / 1000, 3)
    return 0.0
