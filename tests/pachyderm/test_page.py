"""The page is in step with the rows."""

from __future__ import annotations

import rows


def test_the_page_lists_the_rows() -> None:
    assert rows.PAGE.read_text(encoding="utf-8") == rows.page(), "run `python tests/pachyderm/rows.py`"


def test_the_page_has_every_topic() -> None:
    found = {path.stem.removeprefix("test_") for path in rows.HERE.glob("test_*.py")}
    assert found == {*rows.TOPICS, "page"}
