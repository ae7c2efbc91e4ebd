"""How things look to people."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.cli.shared import text
from pfsfuse.cli.shared.progress import Progress
from pfsfuse.worktree.progress import Staging


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"7-01-16", "7-01-16"),
        ("Zürich 東京".encode(), "Zürich 東京"),
        (b"a\nb", r"a\nb"),
        (b"\x1b[31mred", r"\x1b[31mred"),
        (b"caf\xe9", r"caf\xe9"),
        ("\u202egnp.exe".encode(), r"\u202egnp.exe"),
        ("\udcff", r"\xff"),
    ],
)
def test_names_are_shown_on_one_line_without_control_characters(name, shown):
    assert text.safe(name) == shown


@given(st.binary())
def test_whatever_a_name_holds_it_is_shown_printable(name):
    assert text.safe(name).isprintable()


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"),
        (150 << 20, "150 MiB"),
        (1 << 40, "1.0 TiB"),
        (1 << 62, "4096 PiB"),
    ],
)
def test_sizes_have_three_digits_and_a_binary_unit(count, shown):
    assert text.size(count) == shown


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_time_can_be_shown(ns):
    assert text.when(ns)
    assert text.iso(ns)


def test_times_for_programs_keep_every_nanosecond():
    assert text.iso(1_469_966_400_123_456_789) == "2016-07-31T12:00:00.123456789Z"


@pytest.mark.parametrize(("seconds", "shown"), [(4.21, "4.2 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations_have_two_parts_at_most(seconds, shown):
    assert text.span(seconds) == shown


def test_a_table_is_as_wide_as_its_cells(capsys):
    text.table(("NAME", "SIZE>"), [("trips", "1.2 MiB"), ("w", "3 B")])
    assert capsys.readouterr().out == "NAME      SIZE\ntrips  1.2 MiB\nw          3 B\n"


def test_progress_says_how_far_how_fast_and_how_long():
    progress = Progress("put", 4 << 20, None)
    progress.add(1 << 20)
    assert progress.line(2.0) == "put  [======                  ]  1.0 MiB of 4.0 MiB  512 KiB/s  6.0 s left"


def test_progress_of_staging_counts_files():
    progress = Progress("stage", None, None)
    progress.reach(Staging("trips@master", 1_000, 4_000, 3 << 20))
    assert (
        progress.line(2.0)
        == "stage  [======                  ]  1,000 of 4,000 files  3.0 MiB  500 files/s  6.0 s left"
    )


def test_progress_of_an_unknown_whole_says_what_there_is():
    progress = Progress("put", None, None)
    progress.add(3 << 20)
    assert progress.line(2.0) == "put  3.0 MiB  1.5 MiB/s"


def test_a_copy_that_ends_soon_shows_no_progress():
    terminal = io.StringIO()
    progress = Progress("put", 10, terminal)
    progress.add(10)
    progress.clear()
    assert terminal.getvalue() == ""


def test_counting_passes_the_bytes_through():
    progress = Progress("put", None, io.StringIO())
    assert progress.reading(io.BytesIO(b"abc" * 1000)).read() == b"abc" * 1000


ROWS = [
    ["REPO", "HEAD", "DESCRIPTION"],
    ["trips", "master.31", "every ride of July, as the city publishes them"],
    ["a-repo-with-quite-a-long-name", "master.2", "x"],
]


def laid(width: int | None, **more: bool) -> list[str]:
    return list(text.laid_out(ROWS, [False, False, False], width, **more))


def test_a_table_that_goes_to_no_terminal_is_as_wide_as_it_must_be():
    assert laid(None)[1] == f"{'trips':29}  master.31  every ride of July, as the city publishes them"


def test_on_a_narrow_terminal_the_last_column_is_cut():
    assert laid(60)[1] == f"{'trips':29}  master.31  every ride of Jul…"


def test_a_column_that_must_be_whole_is_not_cut():
    assert laid(60, whole=True) == laid(None)


def test_one_long_name_takes_no_space_from_the_lines_of_others():
    assert laid(48)[1:] == [
        f"{'trips':23}  master.31  every ride …",
        "a-repo-with-quite-a-long-name  master.2   x",
    ]


def test_on_a_wide_terminal_nothing_is_cut():
    assert laid(200) == laid(None)


@given(st.lists(st.tuples(*[st.text("ab ", max_size=40)] * 3), min_size=1), st.integers(20, 200))
def test_a_table_is_no_wider_than_the_terminal_but_for_what_is_never_cut(rows, width):
    for row, line in zip(rows, text.laid_out(rows, [False] * 3, width), strict=True):
        fixed = len(line) if len(row[2]) <= text.LEAST else len(line) - min(len(row[2]), text.LEAST)
        assert len(line) <= max(width, fixed + text.LEAST)
        assert row[0].rstrip() in line and row[1].rstrip() in line


@pytest.mark.parametrize(
    ("width", "shown"), [(None, "a long message"), (14, "a long message"), (13, "a long messa…")]
)
def test_a_line_is_cut_where_the_terminal_ends(width, shown):
    assert text.cut("a long message", width) == shown


def test_what_has_space_for_next_to_nothing_says_something_all_the_same():
    assert text.cut("x" * 100, 3) == "x" * (text.LEAST - 1) + "…"


def test_in_a_column_a_time_has_no_seconds():
    assert text.when(0).startswith(text.day(0)) and len(text.day(0)) == len("2016-07-31 12:00")
