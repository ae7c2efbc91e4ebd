"""How things look to people."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.cli import text
from pfsfuse.cli.progress import Progress


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
