"""The grammar of ref expressions.

    expression   REPO [ @ REF ] [ : PATH ]
    REF          NAME step*                        NAME: a branch, a tag, a commit id or 8 or more digits of one
    step         ^  ^N  ~  ~N                      N generations back (1 when not said)
                 @TIME                             the last commit finished at or before TIME
    TIME         2016-07-31                        the end of that day, local time
                 2016-07-31T12:00[:30[.5]][Z|+02:00]

`NAME.N`, the N-th commit of the ancestry counted from the root, is read as part of NAME here, because a branch may be
called `v1.2`: which of the two it is depends on the names that exist, and `resolve.py` decides. Steps are taken from
left to right. Errors point at the character that broke the expression.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

from store import names
from store.errors import BadExpression, BadName

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_BACK = re.compile(r"[\^~](\d{0,18})", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


class Back(msgspec.Struct, frozen=True):
    """So many generations back."""

    count: int


class FromRoot(msgspec.Struct, frozen=True):
    """The N-th commit of the ancestry, the root being 1."""

    number: int


class Moment(msgspec.Struct, frozen=True):
    """The last commit finished at or before a time, in ns since 1970."""

    time_ns: int


class Ref(msgspec.Struct, frozen=True):
    """A parsed REF."""

    text: str
    """As it was written."""
    name: str
    """The base: a name, perhaps with `.N` at its end."""
    steps: tuple[Back | Moment, ...]


class Target(msgspec.Struct, frozen=True):
    """A parsed expression."""

    repo: str
    ref: Ref | None
    """None: the default branch."""
    path: bytes
    """b"" is the root."""


def parse(text: str) -> Target:
    """The meaning of `REPO[@REF][:PATH]`. Raises BadExpression."""
    end = next((index for index, char in enumerate(text) if char in "@:"), len(text))
    try:
        repo = names.repo(text[:end])
    except BadName:
        bad = next(
            (index for index, char in enumerate(text[:end]) if not re.match(r"[A-Za-z0-9_-]", char)), 0
        )
        raise BadExpression(text, bad, "expected the name of a repo") from None
    ref = None
    if text[end : end + 1] == "@":
        ref, end = _ref(text, end + 1)
    if end < len(text) and text[end] != ":":
        raise BadExpression(text, end, f"expected '^', '~', '@', ':' or the end, found {text[end]!r}")
    try:
        path = names.path(text[end + 1 :])
    except BadName as error:
        raise BadExpression(text, end + 1, f"not a path: {error.why}") from None
    return Target(repo, ref, path)


def parse_ref(text: str) -> Ref:
    """The meaning of what follows `REPO@`. Raises BadExpression."""
    ref, end = _ref(text, 0)
    if end < len(text):
        raise BadExpression(text, end, f"expected '^', '~', '@' or the end, found {text[end]!r}")
    return ref


def _ref(text: str, start: int) -> tuple[Ref, int]:
    """The ref that begins at `start`, and where it ends."""
    found = _NAME.match(text, start)
    if not found:
        raise BadExpression(text, start, "expected a branch, tag or commit")
    name, at = found[0], found.end()
    steps: list[Back | Moment] = []
    while at < len(text) and text[at] != ":":
        if back := _BACK.match(text, at):
            steps.append(Back(int(back[1] or "1")))
            at = back.end()
        elif text[at] == "@":
            moment, at = _moment(text, at + 1)
            steps.append(moment)
        else:
            raise BadExpression(text, at, f"expected '^', '~', '@', ':' or the end, found {text[at]!r}")
    return Ref(text[start:at], name, tuple(steps)), at


def _moment(text: str, start: int) -> tuple[Moment, int]:
    found = _TIME.match(text, start)
    if not found:
        raise BadExpression(text, start, "expected a time such as 2016-07-31 or 2016-07-31T12:00")
    written = found[0]
    whole, _, fraction = written.partition(".")
    zone = re.search(r"(Z|[+-]\d\d:\d\d)\Z", fraction)
    digits, whole = (fraction[: zone.start()], whole + zone[0]) if zone else (fraction, whole)
    try:
        when = datetime.fromisoformat(whole)
        if len(written) == len("2016-07-31"):
            when += timedelta(days=1)
            return Moment(_seconds(when) * 10**9 - 1), found.end()
        return Moment(_seconds(when) * 10**9 + int(digits.ljust(9, "0") or "0")), found.end()
    except (ValueError, OverflowError):
        raise BadExpression(text, start, f"{written} is not a time") from None


def _seconds(when: datetime) -> int:
    return int(when.timestamp())
