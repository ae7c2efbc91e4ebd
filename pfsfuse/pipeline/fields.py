"""One value of a specification while it is being read: typed access that knows where it stands.

Every reading method returns what it promises or raises SpecError with the place and the full name of the field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from pfsfuse.pipeline.reader import Ambiguous, Member, Node, Value, refuse, remark, shown
from pfsfuse.pipeline.tables import Table
from store import BadName

_UNITS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
}
_UNITS |= {"m": Decimal(60), "h": Decimal(3600)}
_DURATION = re.compile(r"(?:[0-9]{1,15}(?:\.[0-9]{1,15})?(?:ns|us|µs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"([0-9.]+)([a-zµ]+)")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
LONGEST = 100 * 365 * 86400
"""Seconds that a length of time has at most: a hundred years."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is true of a whole document while it is read."""

    source: str
    ignore_image: bool
    warnings: list[str]
    file: Callable[[str], str] | None = None
    """Gives the text of another file that the document names; raises OSError, UnicodeDecodeError."""


@dataclass(frozen=True, slots=True)
class Field:
    """A value, its name in the document (`input.pfs.glob`) and its place."""

    reading: Reading
    path: str
    node: Node

    def fail(self, what: str) -> NoReturn:
        """Raise SpecError about this value."""
        refuse(self.reading.source, self.node.line, self.node.column, self.path, what)

    def warn(self, what: str) -> None:
        """Note something the author should know; reading goes on."""
        where = self.reading.source, self.node.line, self.node.column
        self.reading.warnings.append(remark(*where, self.path, what))

    # ---- structure
    def member(self, name: str, member: Member) -> Field:
        """The value of one member, named."""
        return Field(self.reading, f"{self.path}.{name}" if self.path else name, member.value)

    def members(self) -> dict[str, Member]:
        """The members of a mapping, under the names they were written with."""
        value = self.node.value
        return value if isinstance(value, dict) else self._expected("a mapping")

    def table(self, table: Table) -> dict[str, Field]:
        """The members `table` takes, under their snake_case names; null members are left out."""
        found: dict[str, Field] = {}
        seen: dict[str, str] = {}
        for written, member in self.members().items():
            inner = self.member(written, member)
            at_key = Field(self.reading, inner.path, Node(None, member.line, member.column))
            name = table.spellings.get(written)
            if name is None:
                at_key.fail(f"unknown field; {table.advice(written)}")
            if name in seen:
                at_key.fail(f"given twice (first as {seen[name]!r})")
            seen[name] = written
            if name in table.taken:
                if member.value.value is not None:
                    found[name] = inner
            elif not _says_nothing(member.value):
                if name in table.refused:
                    at_key.fail(table.refused[name])
                at_key.warn(f"{table.ignored[name]}; ignored")
        return found

    def items(self, what: str = "a list") -> list[Field]:
        """The items of a list, each named by its index."""
        value = self.node.value
        if not isinstance(value, tuple):
            self._expected(what)
        return [Field(self.reading, f"{self.path}[{i}]", node) for i, node in enumerate(value)]

    # ---- words and numbers
    def text(self) -> str:
        """Text, as written."""
        value = self.node.value
        if isinstance(value, int | float):  # `env: {DEBUG: true}` is the usual case
            word = str(value).lower()
            self.fail(f'expected text, found {_described(value)}; put it in quotes: "{word}"')
        if isinstance(value, dict):  # `- for each in all:`, of which YAML makes one
            self.fail("expected text, found a mapping; put text that has a colon in quotes")
        return value if isinstance(value, str) else self._expected("text")

    def argument(self) -> str:
        """Text that can be handed to a program: no NUL."""
        text = self.text()
        return text if "\0" not in text else self.fail("a NUL character cannot be passed to a program")

    def arguments(self) -> tuple[str, ...]:
        """A list of text, each fit to be handed to a program."""
        return tuple(item.argument() for item in self.items("a list of text"))

    def name(self, check: Callable[[str], str], part: str | None = None) -> str:
        """Text (or the given `part` of it) that `check` takes as a name."""
        try:
            return check(self.text() if part is None else part)
        except BadName as error:
            self.fail(str(error))

    def whole(self, low: int, high: int) -> int:
        """A whole number in a range; digits in quotes are taken too, as Pachyderm takes them."""
        value = self.node.value
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._expected("a whole number")
        if not low <= value <= high:
            self.fail(f"{value} is out of range; expected {low} to {high}")
        return value

    def flag(self) -> bool:
        """True or false."""
        value = self.node.value
        return value if isinstance(value, bool) else self._expected("true or false")

    def seconds(self) -> float:
        """A length of time such as "90s" or "1h30m", in seconds, rounded up to milliseconds."""
        value = self.node.value
        total = duration(value) if isinstance(value, str) else None
        if total is None:
            self._expected('a length of time such as "90s" or "1h30m"')
        if not 0 < total <= LONGEST:
            self.fail(
                f"{shown(str(value))} is out of range; expected more than nothing and at most a hundred years"
            )
        return math.ceil(total * 1000) / 1000

    def _expected(self, what: str) -> NoReturn:
        value = self.node.value
        if isinstance(value, Ambiguous):
            self.fail(
                f"{shown(value.text)} is {value.meaning} to some readers of YAML and text to others;"
                " write text in quotes, numbers in plain digits, and true or false"
            )
        self.fail(f"expected {what}, found {_described(value)}")


def duration(text: str) -> Decimal | None:
    """The seconds of a length of time such as "1h30m"; None for anything else."""
    if not _DURATION.fullmatch(text):
        return None
    return sum((Decimal(count) * _UNITS[unit] for count, unit in _DURATION_PART.findall(text)), Decimal(0))


def _says_nothing(node: Node) -> bool:
    """Whether a field with this value asks for what happens without it: `lazy: false`, `egress: null`."""
    return node.value is None or node.value is False or node.value in ("", ())


def _described(value: Value) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {shown(value)}"
        case int() | float():
            return f"the number {value}"
        case tuple():
            return "a list"
        case dict():
            return "a mapping"
        case Ambiguous():
            return shown(value.text)
