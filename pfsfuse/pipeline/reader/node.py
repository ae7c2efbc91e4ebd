"""What a document says, and where: values with the line and column they were written at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from pfsfuse.errors import SpecError

MAX_CHARACTERS = 1 << 20
"""A specification is written by a person; a megabyte of it is a mistake or an attack."""
MAX_DEPTH = 64
"""The deepest honest specification (a cross of crosses) needs about ten levels."""
MAX_NODES = 200_000
"""After aliases are written out, so that ten lines of YAML cannot mean a billion values."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A plain YAML word that readers of YAML disagree about; refused where it is used, never guessed."""

    text: str
    meaning: str
    """What it would be to some readers: "a truth value", "a time", …"""


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document; `line` and `column` count characters from 1."""

    value: Value
    line: int
    column: int
    weight: int = 1
    """How many values this is, itself included, with aliases written out."""


@dataclass(frozen=True, slots=True)
class Member:
    """One `key: value` of a mapping; the place is the key's."""

    value: Node
    line: int
    column: int


Value = str | int | float | bool | None | Ambiguous | tuple[Node, ...] | dict[str, Member]


class Unreadable(Exception):
    """The text is not of the format that was tried. Never leaves the reader."""

    def __init__(self, line: int, column: int, what: str) -> None:
        super().__init__(what)
        self.line, self.column, self.what = line, column, what


def refuse(source: str, line: int, column: int, field: str, what: str) -> NoReturn:
    """Raise SpecError for a mistake at a place."""
    raise SpecError(remark(source, line, column, field, what))


def remark(source: str, line: int, column: int, field: str, what: str) -> str:
    """The one place that words what is said about a document: `source:line:column: field: what`, on one line."""
    named = "".join(char if char.isprintable() else repr(char)[1:-1] for char in field[:200])
    return f"{source}:{line}:{column}: {named}{': ' if named else ''}{what}"


def shown(text: str) -> str:
    """`text` quoted for a one-line message, shortened when it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
