"""How things look to people: names made safe, sizes, times and tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence

import click

NS = 1_000_000_000
LEAST = 12
"""Columns that the last cell of a line has, however narrow the terminal is."""
FIRST = 16
"""Columns that the first ones of a table always have."""
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def safe(name: bytes | str) -> str:
    r"""A name on one line, whatever is in it: control characters, line ends and bytes that are not UTF-8 become
    escapes like \n and \xff, so that no name can move the cursor or look like two.
    """
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    return text if text.isprintable() else "".join(map(_printable, text))


def first_line(said: str) -> str:
    """The first line of something that may have many, for a column of a table."""
    return said.partition("\n")[0]


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def size(count: int) -> str:
    """`1.4 MiB`: three digits are enough to compare."""
    value = float(count)
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{value:.{1 if value < 100 else 0}f} {unit}"
        value /= 1024
    raise AssertionError(count)


def when(ns: int) -> str:
    """Local time to the second: `2016-07-31 12:00:00`."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ns // NS))
    except (OverflowError, OSError, ValueError):
        return f"@{ns // NS}"


def day(ns: int) -> str:
    """Local time to the minute, for a column of a table: `2016-07-31 12:00`."""
    return when(ns).rpartition(":")[0] or when(ns)


def iso(ns: int) -> str:
    """UTC with every digit, for programs: `2016-07-31T12:00:00.000000000Z`."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // NS)) + f".{ns % NS:09d}Z"
    except (OverflowError, OSError, ValueError):
        return f"@{ns // NS}.{ns % NS:09d}"


def span(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def table(headings: Sequence[str], cells: Iterable[Sequence[str]], *, whole: bool = False) -> None:
    """Print columns as wide as they need, headings in bold; numbers (what a heading ends with `>` for) to the right.

    On a terminal that is too narrow for them the last column, the one that may be long, is cut, unless it must be
    `whole`; and the first gives up its width where few have such a long name. Anything else is never cut.
    """
    rows = [[heading.rstrip(">") for heading in headings], *cells]
    right = [heading.endswith(">") for heading in headings]
    padded = laid_out(rows, right, terminal_width(), whole=whole)
    lines(click.style(row, bold=True) if number == 0 else row for number, row in enumerate(padded))


def laid_out(
    rows: Sequence[Sequence[str]], right: Sequence[bool], width: int | None, *, whole: bool = False
) -> Iterator[str]:
    """The lines of a table, in no more than `width` columns where that can be had; None: whatever it takes."""
    widths = [max(_width(row[at]) for row in rows) for at in range(len(right))]
    if width is not None:
        spare = width - sum(widths[1:-1]) - 2 * (len(widths) - 1) - min(widths[-1], LEAST)
        widths[0] = min(widths[0], max(spare, FIRST))
    for row in rows:
        line = "  ".join(map(_pad, row[:-1], widths, right)) + "  "
        last = _pad(row[-1], widths[-1], True) if right[-1] else row[-1]
        yield (line + (last if whole or width is None else cut(last, width - _width(line)))).rstrip()


def cut(said: str, width: int | None) -> str:
    """As much of it as fits, but always something; all of it when the width is None."""
    if width is None or "\x1b" in said or len(said) <= max(width, LEAST):
        return said
    return said[: max(width, LEAST) - 1] + "…"


def terminal_width() -> int | None:
    """The columns of the terminal that is written to; None when it is none."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def _width(cell: str) -> int:
    return len(click.unstyle(cell) if "\x1b" in cell else cell)


def _pad(cell: str, width: int, right: bool) -> str:
    space = " " * max(0, width - _width(cell))
    return space + cell if right else cell + space


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Print `name: value` lines with the values in one column."""
    shown = [(name, value) for name, value in pairs if value != ""]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(click.style(f"{name}:".ljust(width + 2), bold=True) + value)


def lines(found: Iterable[str]) -> int:
    """Print each, colours only on a terminal, and return how many there were.

    `click.echo` flushes after each line, which 100,000 of them feel.
    """
    output = sys.stdout
    context = click.get_current_context(silent=True)
    color = context.color if context is not None else None
    plain = not (output.isatty() if color is None else color)
    count = 0
    for each in found:
        output.write((click.unstyle(each) if plain else each) + "\n")
        count += 1
    return count
