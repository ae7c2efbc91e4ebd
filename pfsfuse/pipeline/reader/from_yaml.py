"""YAML to nodes, from the parser's events.

Only the grammar of the YAML library is used, never its idea of what a word means: to YAML 1.1 `no` is false, `010` is
eight, `1:30` is ninety and `2016-07-31` is a date. Such words become `Ambiguous` here and are refused where a field
uses them. Working on events instead of composed documents bounds depth and aliases before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from pfsfuse.pipeline.reader.from_json import number
from pfsfuse.pipeline.reader.node import (
    MAX_DEPTH,
    MAX_NODES,
    Ambiguous,
    Member,
    Node,
    Unreadable,
    Value,
    refuse,
    shown,
)

# The C scanner reads a megabyte in well under a second, the Python one in tens of seconds.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_KNOWN: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_AMBIGUOUS = [
    (re.compile(r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"), "a truth value"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?"), "a time"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"),
        "a number in base 60",
    ),
    (
        re.compile(r"[-+]?(?:0o?[0-9_]+|0[xX][0-9a-fA-F_]+|0b[01_]+)"),
        "a number in another base",
    ),
    (
        re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"),
        "a number",
    ),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), "a number"),
    (re.compile(r"=|<<"), "an instruction to the reader"),
]
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")


def read_yaml(text: str, source: str) -> Iterator[Node]:
    """The documents in `text`, in order, empty ones left out. Raises Unreadable where it stops being YAML."""
    building = _Building(source)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            node = building.take(event)
            if node is not None and node.value is not None:
                yield node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Unreadable(line, column, error.problem or error.context or "not YAML") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise Unreadable(line, column, "a control character that YAML does not allow") from None
    except (
        ValueError,
        OverflowError,
    ):  # the Python scanner, on an escape such as "\UFFFFFFFF"
        raise Unreadable(1, 1, "an escape that is no character") from None


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been read."""

    line: int
    column: int
    anchor: str | None
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    key: tuple[str, int, int] | None = None
    weight: int = 1

    def close(self) -> Node:
        value: Value = self.members if self.is_mapping else tuple(self.items)
        return Node(value, self.line, self.column, self.weight)


class _Building:
    def __init__(self, source: str) -> None:
        self.source = source
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> Node | None:
        """Use one event; the node of a document when the event completes it."""
        line, column = (mark.line + 1, mark.column + 1) if (mark := event.start_mark) else (1, 1)
        if isinstance(event, yaml.DocumentStartEvent):
            self.anchors = {}
        elif isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, line, column)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                self.refuse(
                    line,
                    column,
                    f"the alias *{event.anchor} stands for nothing written before it",
                )
            node = self.anchors[event.anchor]
            # The place is where it was written, the weight is paid again: that is what defuses a bomb of aliases.
            return self.add(node, None, line, column)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if event.tag is not None and not event.implicit:
                self.refuse(line, column, f"the tag {shown(event.tag)} is not supported")
            if len(self.stack) >= MAX_DEPTH:
                self.refuse(line, column, "nested too deeply for a specification")
            self.check_key(line, column)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self.stack.append(_Open(line, column, event.anchor, is_mapping))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            opened = self.stack.pop()
            return self.add(opened.close(), opened.anchor, opened.line, opened.column)
        return None

    def scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> Node | None:
        if event.tag is not None and event.tag not in _TEXT_TAGS:
            self.refuse(line, column, f"the tag {shown(event.tag)} is not supported")
        plain = event.tag is None and bool(event.implicit[0])
        top = self.stack[-1] if self.stack else None
        if top is not None and top.is_mapping and top.key is None:
            key = str(event.value)
            if plain and key == "<<":
                self.refuse(
                    line,
                    column,
                    "merging with << is not supported; write the fields out",
                )
            if key in top.members:
                first = top.members[key]
                what = f"given twice (first at {first.line}:{first.column})"
                refuse(self.source, line, column, self.path(key), what)
            top.key = (key, line, column)
            top.weight += 1
            return None
        return self.add(Node(_meaning(event.value, plain), line, column), event.anchor, line, column)

    def add(self, node: Node, anchor: str | None, line: int, column: int) -> Node | None:
        """Put a finished node where it belongs; the node itself when it is a whole document."""
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            return node
        top = self.stack[-1]
        top.weight += node.weight
        if top.weight > MAX_NODES:
            self.refuse(
                line,
                column,
                "too large for a specification once its aliases are written out",
            )
        if not top.is_mapping:
            top.items.append(node)
        elif top.key is None:
            self.check_key(line, column)
        else:
            name, key_line, key_column = top.key
            top.members[name] = Member(node, key_line, key_column)
            top.key = None
        return None

    def check_key(self, line: int, column: int) -> None:
        if self.stack and self.stack[-1].is_mapping and self.stack[-1].key is None:
            self.refuse(line, column, "expected the name of a field")

    def path(self, last: str = "") -> str:
        parts = ""
        for opened in self.stack:
            if not opened.is_mapping:
                parts += f"[{len(opened.items)}]"
            elif opened.key is not None:
                parts += f".{opened.key[0]}"
        return f"{parts}.{last}".strip(".")

    def refuse(self, line: int, column: int, what: str) -> NoReturn:
        refuse(self.source, line, column, self.path(), what)


def _meaning(text: str, plain: bool) -> Value:
    if not plain:
        return text
    if text in _KNOWN:
        return _KNOWN[text]
    if _NUMBER.fullmatch(text):
        return number(text)
    for pattern, meaning in _AMBIGUOUS:
        if pattern.fullmatch(text):
            return Ambiguous(text, meaning)
    return text
