"""Glob text to a tree of what it means; errors point at the character.

    *       any run of characters but "/"          **      any run of characters, "/" included (so do three or more)
    ?       any one character but "/"              [a-z]   one of; [!a-z] and [^a-z] one not of ("/" included)
    {a,b}   one of several globs, nestable         \\x      the character x
    (a|b)   one of several, captured; @(a|b) is the same             ?(a|b)  one of them or nothing, captured
    *(a|b)  any number of them in a row, captured as one; +(a|b)  at least one
    !(a|b)  any run of characters but "/" that is not exactly one of them, captured

Captures are numbered by their opening parentheses. A glob describes whole paths from the root of the repo, whether or
not it is written with the leading "/"; doubled and trailing slashes mean nothing, and "/" alone is the root. Characters
are Unicode ones; a byte of a name that is not UTF-8 counts as one character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NoReturn

from pfsfuse.errors import SpecError
from pfsfuse.pipeline.reader import shown

MAX_LENGTH = 4096
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Char:
    """This character."""

    char: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """One character in (or not in) a set of ranges, each from first to last inclusive."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Any number of characters; "/" among them only when `deep`."""

    deep: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several sequences."""

    branches: tuple[Sequence, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Some of several sequences, captured."""

    kind: str
    """What is in front of the parenthesis: one of "@?*+!"."""
    branches: tuple[Sequence, ...]
    number: int
    """From 1, in the order of the opening parentheses."""


Piece = Char | OneOf | Run | Choice | Group
Sequence = tuple[Piece, ...]

ANY = OneOf((("/", "/"),), negated=True)
"""What `?` stands for."""

_SLASH = Char("/")
_KINDS = "@?*+!"
_DOTS = re.compile(r"(?:\A|/)(\.{1,2})(?=/|\Z)")
_CLASSES = {
    "alpha": "AZaz",
    "digit": "09",
    "alnum": "09AZaz",
    "upper": "AZ",
    "lower": "az",
    "xdigit": "09AFaf",
    "word": "09AZ__az",
    "space": "\t\r  ",
    "blank": "\t\t  ",
    "punct": "!/:@[`{~",
    "print": " ~",
    "graph": "!~",
    "cntrl": "\0\x1f\x7f\x7f",
    "ascii": "\0\x7f",
}
"""The POSIX names, as pairs of first and last character."""


def parse_glob(text: str) -> tuple[Sequence, int]:
    """The meaning of `text`, as a sequence that starts with "/" or is empty (the root), and how many captures it has.

    Raises SpecError.
    """
    if len(text) > MAX_LENGTH:
        raise SpecError(f"a glob of {len(text)} characters; at most {MAX_LENGTH} are read")
    parser = _Parser(text)
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        parser.at = error.start
        parser.fail("half of a surrogate pair, which is no character")
    pieces = _rooted(_trimmed(parser.sequence(0, "")))
    if parser.at < len(text):
        parser.fail(f"{text[parser.at]!r} closes nothing; write \\{text[parser.at]} for the character")
    if dots := _DOTS.search(text):
        parser.at = dots.start(1)
        parser.fail(f"{dots[1]!r} is never a name in a repo")
    return pieces, parser.groups


def _rooted(pieces: Sequence) -> Sequence:
    """`pieces` with one "/" in front."""
    if pieces and isinstance(pieces[0], Choice):
        branches = pieces[0].branches
        if any(branch[:1] == (_SLASH,) for branch in branches):
            return (Choice(tuple(_rooted(branch) for branch in branches)), *pieces[1:])
    if pieces and isinstance(first := pieces[0], Group) and first.kind == "@":
        # "(/a|/b)" says it in every branch, and captures it there.
        bare = any(branch[:1] != (_SLASH,) for branch in first.branches)
        return (_SLASH, *pieces) if bare else pieces
    return pieces if pieces[:1] in ((), (_SLASH,)) else (_SLASH, *pieces)


def _trimmed(pieces: Sequence) -> Sequence:
    """`pieces` with no "/" behind."""
    if pieces and pieces[-1] == _SLASH:
        return pieces[:-1]
    if pieces and isinstance(last := pieces[-1], Choice | Group):
        branches = tuple(_trimmed(branch) for branch in last.branches)
        return (*pieces[:-1], replace(last, branches=branches))
    return pieces


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.groups = 0

    def fail(self, what: str) -> NoReturn:
        raise SpecError(f"glob {shown(self.text)}, character {self.at + 1}: {what}")

    def sequence(self, depth: int, ends: str) -> Sequence:
        """Pieces up to the end, or up to one of `ends`, which separate and close branches."""
        pieces: list[Piece] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in ends or char in "}])":
                break
            if char == "(" or (char in _KINDS and self.text.startswith("(", self.at + 1)):
                pieces.append(self.group(depth))
            elif char == "*":
                pieces.append(self.run())
            elif char == "?":
                pieces.append(ANY)
                self.at += 1
            elif char == "[":
                pieces.append(self.one_of())
            elif char == "{":
                pieces.append(Choice(self.branches(depth, self.at, ",", "}")))
            else:
                literal = Char(self.literal())
                if literal != _SLASH or pieces[-1:] != [_SLASH]:
                    pieces.append(literal)
        return tuple(pieces)

    def group(self, depth: int) -> Group:
        start = self.at
        kind = self.text[start]
        if kind == "(":
            kind = "@"
        else:
            self.at += 1
        self.groups += 1
        number = self.groups
        return Group(kind, self.branches(depth, start, "|", ")"), number)

    def branches(self, depth: int, start: int, separator: str, close: str) -> tuple[Sequence, ...]:
        """What stands between here, at the character that opens it, and the one that closes it."""
        what = "brace" if close == "}" else "parenthesis"
        if depth >= MAX_DEPTH:
            self.fail(f"more than {MAX_DEPTH} braces or parentheses inside one another")
        opened = self.text[self.at]
        found: list[Sequence] = []
        while not found or self.text.startswith(separator, self.at):
            self.at += 1
            found.append(self.sequence(depth + 1, separator + close))
        if self.at == len(self.text):
            self.at = start
            self.fail(f"this {what} is never closed; write \\{opened} for the character")
        if self.text[self.at] != close:
            self.fail(
                f"{self.text[self.at]!r} closes nothing; write \\{self.text[self.at]} for the character"
            )
        self.at += 1
        return tuple(found)

    def literal(self) -> str:
        """One character, or the one after a backslash."""
        if self.text[self.at] == "\\":
            if self.at + 1 == len(self.text):
                self.fail("a backslash with nothing after it; write \\\\ for the character")
            self.at += 1
        char = self.text[self.at]
        if char == "\0":
            self.fail("NUL is never in a name")
        self.at += 1
        return char

    def run(self) -> Run:
        start = self.at
        while self.text.startswith("*", self.at) and not self.text.startswith("(", self.at + 1):
            self.at += 1
        return Run(deep=self.at - start > 1)

    def one_of(self) -> OneOf:
        start = self.at
        self.at += 1
        negated = self.text[self.at : self.at + 1] in ("!", "^")
        self.at += negated
        ranges: list[tuple[str, str]] = []
        while self.at < len(self.text) and self.text[self.at] != "]":
            if self.text.startswith("[:", self.at):
                ranges += self.named_class()
                continue
            range_start = self.at
            first = last = self.literal()
            if self.text.startswith("-", self.at) and self.text[self.at + 1 : self.at + 2] not in ("", "]"):
                self.at += 1
                last = self.literal()
            if last < first:
                self.at = range_start
                self.fail(f"a range from {first!r} back to {last!r}")
            ranges.append((first, last))
        if self.at == len(self.text):
            self.at = start
            self.fail("this bracket is never closed; write \\[ for the character")
        if not ranges:
            self.fail("nothing in the brackets; write \\] for the character")
        self.at += 1
        return OneOf(tuple(ranges), negated)

    def named_class(self) -> list[tuple[str, str]]:
        end = self.text.find(":]", self.at)
        name = self.text[self.at + 2 : end] if end >= 0 else ""
        negated = name[:1] in ("^", "!")
        ends = _CLASSES.get(name[negated:])
        if ends is None:
            self.fail(f"no such class; known are {', '.join(_CLASSES)}")
        self.at = end + 2
        ranges = [(ends[i], ends[i + 1]) for i in range(0, len(ends), 2)]
        return _outside(ranges) if negated else ranges


def _outside(ranges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Every character that is in none of `ranges`."""
    found, first = [], 0
    for low, high in sorted(ranges):
        if first < ord(low):
            found.append((chr(first), chr(ord(low) - 1)))
        first = max(first, ord(high) + 1)
    return [*found, (chr(first), "\U0010ffff")]
