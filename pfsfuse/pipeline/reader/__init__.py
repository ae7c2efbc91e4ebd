"""Text to documents: JSON or YAML, told apart by what is written, each value with its place."""

from __future__ import annotations

from pfsfuse.pipeline.reader.from_json import read_json
from pfsfuse.pipeline.reader.node import (
    MAX_CHARACTERS,
    Ambiguous,
    Member,
    Node,
    Unreadable,
    Value,
    refuse,
    remark,
    shown,
)

__all__ = ["Ambiguous", "Member", "Node", "Value", "read_documents", "refuse", "remark", "shown"]


def read_documents(text: str, source: str) -> list[Node]:
    """Every document in `text`, in order; raises SpecError, and nothing else, when it cannot be read.

    Text that begins with a brace or a bracket is tried as JSON first; when it is neither JSON nor YAML, the JSON
    reader's complaint is the one reported, since that is what the author meant to write.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_CHARACTERS:
        refuse(source, 1, 1, "", f"{len(text)} characters is too large for a specification")
    _check_characters(text, source)
    meant_json: Unreadable | None = None
    if text.lstrip(" \t\r\n").startswith(("{", "[")):
        try:
            return list(read_json(text, source))
        except Unreadable as problem:
            meant_json = problem
    # A daemon reads what it has kept, which is JSON, and is there a twentieth sooner without YAML.
    from pfsfuse.pipeline.reader.from_yaml import read_yaml

    try:
        return list(read_yaml(text, source))
    except Unreadable as problem:
        found, kind = (meant_json, "JSON") if meant_json else (problem, "YAML")
        refuse(source, found.line, found.column, "", f"not valid {kind}: {found.what}")


def _check_characters(text: str, source: str) -> None:
    try:
        text.encode()
        at = text.find("\0")
    except UnicodeEncodeError as error:
        at = error.start
    if at >= 0:
        before = text[:at]
        line, column = before.count("\n") + 1, at - before.rfind("\n")
        refuse(
            source,
            line,
            column,
            "",
            "not a text file: a byte that is not UTF-8, or a NUL",
        )
