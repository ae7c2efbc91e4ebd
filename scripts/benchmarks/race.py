"""Contenders who do the same work in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from scripts.benchmarks.bench import Bench, Result, number
from scripts.benchmarks.mounts import Mounted

LIMIT = 2.5
"""Seconds after which a run is cut short."""

Scan = Callable[[Mounted, float], float]
"""Works through a contender's files for so many seconds at most; how much it did."""


def race(
    bench: Bench,
    result: Result,
    chosen: Sequence[Mounted],
    scan: Scan,
    unit: str,
    prepare: Callable[[Mounted], object],
) -> dict[str, float]:
    """How much each contender does in a second, the median of runs that are interleaved. Fills in the result: the first
    contender is who is measured, the others are its peers. What `prepare` does before each run is not measured."""
    found: dict[str, list[float]] = {mounted.name: [] for mounted in chosen}
    limit = LIMIT / 10 if bench.quick else LIMIT
    for _ in range(bench.runs):
        for mounted in chosen:
            prepare(mounted)
            start = time.perf_counter()
            try:
                done = scan(mounted, limit)
            except OSError as error:
                raise RuntimeError(f"{mounted.name}: {error}") from None
            found[mounted.name].append(done / (time.perf_counter() - start))
    result.runs.update(found)
    middle = {name: statistics.median(values) for name, values in found.items()}
    shown = {name: f"{number(value)} {unit}" for name, value in middle.items()}
    result.measured = shown.pop(chosen[0].name)
    result.peers = [f"{name} {value}" for name, value in shown.items()]
    return middle
