"""The pages about the bytes are true: examples, tables, programs and numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import store
from store.format import bundle, chunklist, node, sealed, segment, tables
from store.format.commit import _Body
from store.records import Entry
from store.testing import examples

PAGES = {path.stem: path.read_text() for path in Path(store.__file__).parent.glob("format/*.md")}
GOLDEN = {path.stem: path.read_text() for path in (Path(__file__).parent / "golden").glob("*.hex")}
RECORDS = examples.records()


def shown() -> dict[str, bytes]:
    """The hex examples of all pages, by name."""
    blocks = (
        block
        for page in PAGES.values()
        for block in re.findall(r"```hex ([a-z-]+)\n(.+?)```", page, re.DOTALL)
    )
    return {name: bytes.fromhex(text) for name, text in blocks}


def fields(page: str) -> list[list[tuple[str, ...]]]:
    """The tables of fields of a page: the cells of each row."""
    found = re.findall(r"\| (?:index|offset) \|.*\n\|.*\n((?:\|.*\n)+)", PAGES[page])
    return [
        [tuple(cell.strip() for cell in row.split("|")[1:-1]) for row in one.splitlines()] for one in found
    ]


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_written_as_it_always_was(name):
    """A golden file changes with a new format of the store, and never without."""
    assert RECORDS[name] == bytes.fromhex(GOLDEN[name])


def test_every_record_has_its_golden_bytes_and_its_example():
    assert GOLDEN.keys() == RECORDS.keys() == shown().keys()


@pytest.mark.parametrize("name", RECORDS)
def test_a_page_shows_the_bytes_we_write(name):
    assert shown()[name] == RECORDS[name]


def test_the_ids_in_the_pages_are_those_of_the_examples():
    for name, page in (("node-leaf", "node"), ("chunklist", "chunklist")):
        assert f"`{str(examples.identities()[name])[:16]}…`" in PAGES[page]
    for piece in examples.PIECES:
        assert f"`{piece.id.hex()[:16]}…`" in PAGES["segment"]


@pytest.mark.parametrize(
    ("page", "number", "kind"),
    [
        ("node", 0, Entry),
        ("node", 1, node.Child),
        ("chunklist", 0, chunklist.Piece),
        ("commit", 0, _Body),
        ("tables", 0, tables.Header),
        ("tables", 1, tables.RepoBody),
        ("tables", 2, tables.RefBody),
        ("tables", 3, tables.PinBody),
        ("bundle", 2, bundle.BundleHeader),
        ("bundle", 3, bundle.BundledRepo),
        ("bundle", 4, bundle.BundledRef),
        ("bundle", 5, bundle.Need),
        ("bundle", 6, bundle.BundledCommit),
        ("tables", 4, tables.DraftNote),
    ],
)
def test_a_table_of_fields_is_the_struct_in_its_order(page, number, kind):
    rows = fields(page)[number]
    assert [row[2] for row in rows] == list(kind.__struct_fields__)
    assert [row[0] for row in rows] == [str(index) for index in range(len(rows))]


def test_the_tables_of_offsets_add_up_to_the_headers():
    header, place = fields("segment")
    *fixed, rows, payload = header
    assert sum(int(size) for _, size, *_ in fixed) == segment.HEADER.size == int(rows[0])
    assert rows[1] == f"{segment.ROW.size}·count" and payload[1] == "rest"
    assert sum(int(size) for _, size, *_ in place) == segment.PLACE.size
    seal, body = fields("sealed")[0]
    assert int(seal[1]) == sealed.SEAL == int(body[0])
    magic, records = fields("bundle")[0]
    assert int(magic[1]) == len(bundle.MAGIC) == int(records[0])
    *record, body = fields("bundle")[1]
    assert sum(int(size) for _, size, *_ in record) == bundle.RECORD.size == int(body[0])
    for table in (header[:-1], place, record):
        assert [int(row[0]) for row in table] == [
            sum(int(size) for _, size, *_ in table[:at]) for at in range(len(table))
        ]


def test_every_module_of_the_format_points_to_its_page():
    for name, page in PAGES.items():
        source = (Path(store.__file__).parent / "format" / f"{name}.py").read_text()
        assert f"store/format/{name}.md" in source and f"`store/format/{name}.py`" in page
        for part in (
            "**Identity.**",
            "**Example.**",
            "**Read it yourself.**",
            "**Invariants.**",
            "**Damage.**",
        ):
            assert part in page
        assert "**Evolution.**" in page


def test_every_invariant_that_is_checked_is_on_one_page():
    sources = (Path(store.__file__).parent / "fsck").glob("*.py")
    checked = {found for source in sources for found in re.findall(r'"(I\d+)"', source.read_text())}
    stated = re.findall(r"\b(I\d+)\s+\*[a-z-]+\*\s+\(MUST", "\n".join(PAGES.values()))
    assert sorted(stated) == sorted(set(stated)) and set(stated) == checked
    assert checked == {f"I{number}" for number in range(1, len(checked) + 1)}


@pytest.mark.parametrize("page", PAGES)
def test_the_program_on_a_page_runs(page, a_store, capsys):
    program = re.search(r"\*\*Read it yourself\.\*\*\n\n```python\n(.+?)```", PAGES[page], re.DOTALL)
    assert program is not None
    exec(compile(program[1], f"{page}.md", "exec"), {"path": str(a_store), "example": RECORDS})
    if page == "commit":
        assert capsys.readouterr().out.count("after") == 2
    if page == "tables":
        assert "trips branch master" in capsys.readouterr().out
