"""JSON to nodes: one value after another, as many as the text holds.

The parser of the standard library forgets places and lets a repeated key win silently, so the structure is walked here
and only words are left to it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator

from pfsfuse.pipeline.reader.node import (
    MAX_DEPTH,
    MAX_NODES,
    Member,
    Node,
    Unreadable,
    Value,
    refuse,
    shown,
)

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_LOOSE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(text: str, source: str) -> Iterator[Node]:
    """The documents in `text`, in order. Raises Unreadable where it stops being JSON."""
    reader = _Reader(text, source)
    reader.skip_space()
    while reader.at < len(text):
        yield reader.value("", 0)
        reader.skip_space()


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self.text, self.source = text, source
        self.at = 0
        self.nodes = 0
        self._line_starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self._word = json.JSONDecoder()

    def skip_space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, at)
        return line, at - self._line_starts[line - 1] + 1

    def unreadable(self, what: str) -> Unreadable:
        found = shown(self.text[self.at]) if self.at < len(self.text) else "the end"
        return Unreadable(*self.place(self.at), f"{what}, found {found}")

    def value(self, path: str, depth: int) -> Node:
        self.skip_space()
        line, column = self.place(self.at)
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            refuse(
                self.source,
                line,
                column,
                "",
                "nested too deeply or too large for a specification",
            )
        first = self.text[self.at : self.at + 1]
        value: Value
        if first == "{":
            value = self.members(path, depth)
        elif first == "[":
            value = self.items(path, depth)
        elif first == '"':
            value = self.string(path)
        else:
            value = self.bare()
        return Node(value, line, column)

    def members(self, path: str, depth: int) -> dict[str, Member]:
        found: dict[str, Member] = {}
        self.at += 1
        self.skip_space()
        while not self.took("}"):
            if found:
                self.take(",", "expected ',' or '}'")
                self.skip_space()
            start = self.at
            if self.text[start : start + 1] != '"':
                raise self.unreadable("expected a field name in quotes")
            key = self.string(path)
            field = f"{path}.{key}" if path else key
            if key in found:
                before = found[key]
                what = f"given twice (first at {before.line}:{before.column})"
                refuse(self.source, *self.place(start), field, what)
            self.skip_space()
            self.take(":", "expected ':'")
            found[key] = Member(self.value(field, depth + 1), *self.place(start))
            self.skip_space()
        return found

    def items(self, path: str, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        self.at += 1
        self.skip_space()
        while not self.took("]"):
            if found:
                self.take(",", "expected ',' or ']'")
            found.append(self.value(f"{path}[{len(found)}]", depth + 1))
            self.skip_space()
        return tuple(found)

    def string(self, path: str) -> str:
        start = self.at
        try:
            value, self.at = self._word.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            what = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
            raise Unreadable(*self.place(error.pos), what) from None
        if _LOOSE_SURROGATE.search(value):
            refuse(
                self.source,
                *self.place(start),
                path,
                "holds half of a surrogate pair, which is no character",
            )
        return str(value)

    def bare(self) -> Value:
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            raise self.unreadable("expected a value")
        self.at = match.end()
        return number(match[0])

    def took(self, mark: str) -> bool:
        if self.text.startswith(mark, self.at):
            self.at += 1
            return True
        return False

    def take(self, mark: str, what: str) -> None:
        if not self.took(mark):
            raise self.unreadable(what)


def number(text: str) -> int | float:
    """A number as written; whole ones beyond 18 digits become floats, which no field accepts."""
    return int(text) if len(text) <= 18 and text.lstrip("-").isdigit() else float(text)
