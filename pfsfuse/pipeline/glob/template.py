"""What `join_on` and `group_by` make of a match: text in which captures are filled in.

$1  ${1}    the first capture            $0  ${0}    the whole path, with its leading "/"
$$          a dollar sign                anything else stands for itself
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pfsfuse.errors import SpecError
from pfsfuse.pipeline.reader import shown

_DOLLAR = re.compile(r"\$(?:(\$)|([0-9]{1,4})|\{([0-9]{1,4})\}|)")


class Template:
    """Text with places for captures."""

    def __init__(self, text: str, parts: tuple[str | int, ...]) -> None:
        self.text = text
        """As written."""
        self._parts = parts

    def fill(self, whole: str, captures: Sequence[str]) -> str:
        """The text for a path, given as it is written from the root, and what was captured in it."""
        found = (whole, *captures)
        return "".join(part if isinstance(part, str) else found[part] for part in self._parts)


def compile_template(text: str, groups: int) -> Template:
    """The template `text` for a glob with so many captures. Raises SpecError."""
    parts: list[str | int] = []
    end = 0
    for match in _DOLLAR.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        number = match[2] or match[3]
        if match[1]:
            parts.append("$")
        elif number is None:
            raise SpecError(f"{shown(text)}: a $ without a number; write $$ for the character")
        elif int(number) > groups:
            has = "captures nothing" if not groups else f"has {groups} capture{'' if groups == 1 else 's'}"
            raise SpecError(f"{shown(text)}: there is no ${number}; the glob {has}")
        else:
            parts.append(int(number))
    parts.append(text[end:])
    return Template(text, tuple(part for part in parts if part != ""))
