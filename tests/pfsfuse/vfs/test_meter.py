"""Requests counted and timed."""

from __future__ import annotations

from pfsfuse.cli.mount.stats import since
from pfsfuse.vfs.meter import Meter


def test_figures_are_counts_totals_and_times_rounded_up_to_powers_of_two() -> None:
    meter = Meter()
    for _ in range(98):
        meter.count("read", 900)
    meter.count("read", 3_000)
    meter.count("read", 1_000_000_000)
    assert meter.counts() == {"read": 100}
    assert meter.figures()["read"] == {
        "count": 100,
        "seconds": 1.000091,
        "median_us": 1.024,
        "p99_us": 4.096,
        "max_us": 1_073_741.824,
    }


def test_an_answer_that_took_an_hour_is_counted_too() -> None:
    meter = Meter()
    meter.count("read", 3600 * 10**9)
    assert meter.counts()["read"] == 1


def test_between_two_looks_only_what_came_since_is_shown() -> None:
    meter = Meter()
    meter.count("read", 1_000_000)
    before = {"requests": dict(meter.figures())}
    meter.count("open", 1_000_000)
    found = since(before, {"requests": dict(meter.figures())})["requests"]
    assert [(kind, each["count"], each["seconds"]) for kind, each in found.items()] == [("open", 1, 0.001)]
