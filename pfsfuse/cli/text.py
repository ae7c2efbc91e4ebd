"""How things look to people: names made safe, sizes, times and tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence

import click

NS = 1_000_000_000
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


def table(headings: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    """Print columns as wide as they need, headings in bold; numbers (what a heading ends with `>` for) to the right."""
    rows = [[heading.rstrip(">") for heading in headings], *cells]
    widths = [max(_width(row[at]) for row in rows) for at in range(len(headings))]
    right = [heading.endswith(">") for heading in headings]
    padded = ("  ".join(map(_pad, row, widths, right)).rstrip() for row in rows)
    lines(click.style(row, bold=True) if number == 0 else row for number, row in enumerate(padded))


def _width(cell: str) -> int:
    return len(click.unstyle(cell) if "\x1b" in cell else cell)


def _pad(cell: str, width: int, right: bool) -> str:
    space = " " * (width - _width(cell))
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
