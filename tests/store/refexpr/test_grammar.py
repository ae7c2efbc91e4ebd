"""What expressions mean, and where bad ones break."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import BadExpression
from store.refexpr import Back, Moment, Ref, Target, parse, parse_ref

S = 10**9
NOON = 1469966400 * S
"""2016-07-31T12:00 in UTC."""
HOUR = 3600 * S


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("trips", Target("trips", None, b"")),
        ("trips@dev", Target("trips", Ref("dev", "dev", ()), b"")),
        ("trips@v1.2", Target("trips", Ref("v1.2", "v1.2", ()), b"")),
        ("trips@master.31", Target("trips", Ref("master.31", "master.31", ()), b"")),
        ("trips@master^", Target("trips", Ref("master^", "master", (Back(1),)), b"")),
        ("trips@master^^", Target("trips", Ref("master^^", "master", (Back(1), Back(1))), b"")),
        ("trips@master~3^2", Target("trips", Ref("master~3^2", "master", (Back(3), Back(2))), b"")),
        ("trips@master~0", Target("trips", Ref("master~0", "master", (Back(0),)), b"")),
        ("trips@m:a/b", Target("trips", Ref("m", "m", ()), b"a/b")),
        ("trips:a/b", Target("trips", None, b"a/b")),
        ("trips:", Target("trips", None, b"")),
        ("trips:/a//b/", Target("trips", None, b"a/b")),
        ("trips:a:b@c", Target("trips", None, b"a:b@c")),
        ("trips:\udcff", Target("trips", None, b"\xff")),
        (
            "trips@master@2016-07-31T12:00Z^:a",
            Target("trips", Ref("master@2016-07-31T12:00Z^", "master", (Moment(NOON), Back(1))), b"a"),
        ),
        (
            "trips@master@2016-07-31T12:00Z:7-31-16",
            Target("trips", Ref("master@2016-07-31T12:00Z", "master", (Moment(NOON),)), b"7-31-16"),
        ),
    ],
)
def test_an_expression_is_a_repo_a_base_with_steps_taken_left_to_right_and_a_path(text, meaning):
    assert parse(text) == meaning


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("", 0, "expected the name of a repo"),
        ("@master", 0, "expected the name of a repo"),
        ("-x", 0, "expected the name of a repo"),
        ("a/b", 1, "expected the name of a repo"),
        ("trips ", 5, "expected the name of a repo"),
        ("tríps", 2, "expected the name of a repo"),
        ("trips@", 6, "expected a branch, tag or commit"),
        ("trips@:a", 6, "expected a branch, tag or commit"),
        ("trips@^", 6, "expected a branch, tag or commit"),
        ("trips@master!2", 12, "expected '^', '~', '@', ':' or the end, found '!'"),
        ("trips@master~x", 13, "expected '^', '~', '@', ':' or the end, found 'x'"),
        ("trips@master~٣", 13, "expected '^', '~', '@', ':' or the end, found '٣'"),
        ("trips@a/b", 7, "expected '^', '~', '@', ':' or the end, found '/'"),
        ("trips@master@", 13, "expected a time such as 2016-07-31 or 2016-07-31T12:00"),
        ("trips@master@yesterday", 13, "expected a time such as 2016-07-31 or 2016-07-31T12:00"),
        ("trips@master@2016-02-30", 13, "2016-02-30 is not a time"),
        ("trips@master@2016-07-31T25:00", 13, "2016-07-31T25:00 is not a time"),
        ("trips@master@2016-07-31T12:00+99:00", 13, "2016-07-31T12:00+99:00 is not a time"),
        ("trips@master@9999-12-31", 13, "9999-12-31 is not a time"),
        ("trips@master@2016-07-31X", 23, "expected '^', '~', '@', ':' or the end, found 'X'"),
        ("trips:a/../b", 6, "not a path: empty, ., .., / and NUL are not names"),
        ("trips:\0", 6, "not a path: empty, ., .., / and NUL are not names"),
        ("trips:" + "x" * 256, 6, "not a path: over 255 bytes"),
        ("trips:\ud800", 6, "not a path: half of a surrogate pair is no character"),
    ],
)
def test_a_bad_expression_is_refused_at_the_character_that_broke_it(text, at, why):
    with pytest.raises(BadExpression) as caught:
        parse(text)
    assert (caught.value.at, caught.value.why) == (at, why)
    assert "\n" not in str(caught.value) and caught.value.hint()


@pytest.mark.parametrize(
    ("text", "zone", "time_ns"),
    [
        ("2016-07-31T12:00Z", "Europe/Berlin", NOON),
        ("2016-07-31T12:00+02:00", "UTC", NOON - 2 * HOUR),
        ("2016-07-31T12:00-05:30", "UTC", NOON + 5 * HOUR + HOUR // 2),
        ("2016-07-31T12:00", "UTC", NOON),
        ("2016-07-31T12:00", "Europe/Berlin", NOON - 2 * HOUR),
        ("2016-07-31T12:00", "America/New_York", NOON + 4 * HOUR),
        ("2016-01-31T12:00", "America/New_York", 1454241600 * S + 5 * HOUR),
        ("2016-07-31T12:00:30", "UTC", NOON + 30 * S),
        ("2016-07-31T12:00:30.5", "UTC", NOON + 30 * S + S // 2),
        ("2016-07-31T12:00:30.000000001Z", "UTC", NOON + 30 * S + 1),
        ("2016-07-31T12:00:30.123456789+02:00", "UTC", NOON - 2 * HOUR + 30 * S + 123456789),
        ("2016-07-31", "UTC", NOON + 12 * HOUR - 1),
        ("2016-07-31", "Europe/Berlin", NOON + 10 * HOUR - 1),
        ("2016-03-27", "Europe/Berlin", 1459116000 * S - 1),
        ("1969-12-31T23:59:59Z", "UTC", -S),
    ],
)
def test_a_time_is_local_unless_it_says_otherwise_and_a_date_means_its_end(text, zone, time_ns, local_zone):
    local_zone(zone)
    assert parse_ref(f"master@{text}").steps == (Moment(time_ns),)


@given(st.text(st.characters(exclude_categories=())) | st.from_regex(r"[a-z]{1,3}[@:^~.0-9a-fTZ+-]{0,30}"))
def test_any_text_is_an_expression_or_raises_only_bad_expression(text):
    for read in (parse, parse_ref):
        error = refusal(read, text)
        assert error is None or (0 <= error.at <= len(text) and str(error).isprintable())


def refusal(read: Callable[[str], object], text: str) -> BadExpression | None:
    try:
        read(text)
    except BadExpression as error:
        return error
    return None
