"""Rows: what Pachyderm does, marked the same here or different on purpose, and the page that lists them.

    @row("a deleted branch leaves its commits")                            the same
    @row("an open commit blocks its branch", "drafts block nobody: ...")    what is done here, and why

A row stands on the test that shows what is done here. A table of cases, each the same or different, is one row and one
more for each case that differs. `python tests/pachyderm/rows.py` writes README.md anew; a test holds it to the rows.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

SAME = ""
HERE = Path(__file__).parent
PAGE = HERE / "README.md"
TOPICS = ("naming", "contents", "history", "downstream", "triggers", "globs", "datums", "mounts")
"""The modules with rows, in the order in which the page has them."""
START = "<!-- the rows, by rows.py -->\n"

Test = TypeVar("Test", bound=Callable[..., Any])
Case = tuple[Any, ...]
"""What it is about, as text; what a test takes; and last SAME, or what is done here and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fact about Pachyderm."""

    theirs: str
    here: str
    """SAME, or what is done here, and why."""
    cases: int = 1
    """How many cases show it."""


def row(theirs: str, here: str = SAME) -> Callable[[Test], Test]:
    """A decorator: the test shows what is done here."""
    return lambda test: _mark(test, [Row(theirs, here)])


def cases(what: str, arguments: str, table: Sequence[Case]) -> Callable[[Test], Test]:
    """A decorator: the test takes the `arguments` of each case, but for the last of them, which is its mark."""

    def decorate(test: Test) -> Test:
        same = sum(case[-1] == SAME for case in table)
        rows = [Row(what, SAME, same)] if same else []
        rows += [Row(f"{what}: {shown(case[0])}", case[-1]) for case in table if case[-1] != SAME]
        parametrized: Test = pytest.mark.parametrize(arguments.split(), [case[:-1] for case in table])(test)
        return _mark(parametrized, rows)

    return decorate


def _mark(test: Test, rows: list[Row]) -> Test:
    test.rows = [*rows, *getattr(test, "rows", [])]  # type: ignore[attr-defined]
    return test


def shown(text: str) -> str:
    """What a case is about, in a table of Markdown: as code, unless it is prose."""
    if not text.isprintable():
        text = repr(text)[1:-1]
    if text.count("x") > 40:
        text = f"{text[:8]}… ({len(text)} characters)"
    return text if " " in text or "`" in text else f"`{text}`"


def topics() -> Iterator[tuple[str, list[Row]]]:
    """The modules of this directory: what each is about and its rows, in their order."""
    for name in TOPICS:
        path = HERE / f"test_{name}.py"
        spec = importlib.util.spec_from_file_location(f"rows_of_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        rows = [each for value in vars(module).values() for each in getattr(value, "rows", [])]
        yield (module.__doc__ or "").partition("\n")[0].rstrip("."), rows


def table() -> str:
    """The page's tables."""
    lines: list[str] = []
    for topic, rows in topics():
        lines += [f"\n## {topic}\n", "\n| Pachyderm | here |\n| --- | --- |\n"]
        for each in rows:
            here = each.here.replace("|", "\\|")
            mark = "same" if each.here == SAME else f"**different**: {here}"
            number = f" ({each.cases} cases)" if each.cases > 1 else ""
            lines.append(f"| {each.theirs.replace('|', chr(92) + '|')}{number} | {mark} |\n")
    return "".join(lines)


def page() -> str:
    """README.md as it should be."""
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(START)
    return before + START + table()


if __name__ == "__main__":
    sys.path.append(str(HERE.parent / "pfsfuse" / "scheduler"))  # as pytest does, for a helper module
    from rows import page as written  # this file as the tests import it, or its rows would be another class

    PAGE.write_text(written(), encoding="utf-8")
