"""When it is time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import compile_schedule, find_time, time_name


def ns(text: str) -> int:
    found = find_time(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "next_"),
    [
        ("0 6 * * *", "2016-07-01T05:59:59Z", "2016-07-01T06:00:00Z"),
        ("0 6 * * *", "2016-07-01T06:00:00Z", "2016-07-02T06:00:00Z"),
        ("*/15 9-17 * * MON-FRI", "2016-07-01T17:45:00Z", "2016-07-04T09:00:00Z"),
        ("0 0 29 2 *", "2016-03-01T00:00:00Z", "2020-02-29T00:00:00Z"),
        ("? ? 1 JAN ?", "2016-07-01T00:00:00Z", "2017-01-01T00:00:00Z"),
        ("@hourly", "2016-07-01T00:00:01Z", "2016-07-01T01:00:00Z"),
        ("@daily", "2016-07-01T00:00:01Z", "2016-07-02T00:00:00Z"),
        ("@weekly", "2016-07-01T00:00:00Z", "2016-07-03T00:00:00Z"),
        ("@monthly", "2016-07-01T00:00:00Z", "2016-08-01T00:00:00Z"),
        ("@yearly", "2016-07-01T00:00:00Z", "2017-01-01T00:00:00Z"),
        ("@every 1h30m", "2016-07-01T00:00:01Z", "2016-07-01T01:30:01Z"),
    ],
)
def test_a_schedule_says_when_it_is_time_next(schedule, after, next_):
    found = compile_schedule(schedule).after(ns(after))
    assert found is not None
    assert time_name(found) == next_


def test_never_is_never():
    never = compile_schedule("@never")
    assert never.after(0) is None
    assert never.between(0, 1 << 62, at_most=5) == ([], False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@often",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "@every",
        "@every 1",
        "@every 10ms",
        "0 0 30 2 *",
        "a b c d e",
    ],
)
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(SpecError, match="is no schedule"):
        compile_schedule(text)


schedules = st.sampled_from(
    ["*/7 * * * *", "0 */5 * * *", "@hourly", "@every 90s", "@daily", "30 4 1,15 * 5"]
)
times = st.integers(1_400_000_000, 1_400_400_000).map(lambda seconds: seconds * 1_000_000_000)


@given(schedules, times, times, st.integers(1, 20))
def test_the_ticks_between_two_times_are_those_that_come_one_after_the_other(text, one, other, at_most):
    schedule, ticks = compile_schedule(text), []
    at = schedule.after(one)
    while at is not None and at <= other:
        ticks.append(at)
        at = schedule.after(at)
    assert schedule.between(one, other, at_most=at_most) == (ticks[-at_most:], len(ticks) > at_most)


@pytest.mark.parametrize("text", ["2016-07-01", "2016-07-01T00:00:00", "noon", "2016-07-01 00:00"])
def test_a_time_has_a_day_an_hour_and_a_zone(text):
    assert find_time(text) is None


def test_a_time_may_have_fractions_and_another_zone():
    assert ns("2016-07-01T02:00:00.5+02:00") == ns("2016-07-01T00:00:00Z")
