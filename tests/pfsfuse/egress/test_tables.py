"""Output to a SQL database."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas
import pytest

from pfsfuse.egress import EgressError, push
from pfsfuse.pipeline import Egress, FileFormat
from tests.pfsfuse.egress.conftest import Commits

CSV = FileFormat(type="CSV")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "sales.db"


def to(database: Path, format: FileFormat = CSV) -> Egress:
    return Egress(url=f"sqlite:///{database}", format=format)


def rows(database: Path, table: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"select * from {table}").fetchall()


def parquet(**columns: list[object]) -> bytes:
    held = io.BytesIO()
    pandas.DataFrame(columns).to_parquet(held)
    return held.getvalue()


@pytest.mark.parametrize(
    ("format", "one", "two"),
    [
        (CSV, b"day,sales\n30,138900\n", b"day,sales\n31,138255\n"),
        (FileFormat(type="CSV", columns=("day", "sales")), b"30,138900\n", b"31,138255\n"),
        (FileFormat(type="JSON"), b'{"day": 30, "sales": 138900}\n', b'{"day": 31, "sales": 138255}'),
        (
            FileFormat(type="JSON", columns=("day", "sales")),
            b'{"x": 1, "sales": 138900, "day": 30}\n',
            b'{"sales": 138255, "day": 31}',
        ),
        (
            FileFormat(type="PARQUET", columns=("day", "sales")),
            parquet(x=[1], sales=[138900], day=[30]),
            parquet(sales=[138255], day=[31]),
        ),
    ],
    ids=["CSV", "CSV without names", "JSON", "JSON columns", "PARQUET"],
)
def test_each_directory_is_a_table_and_its_files_are_rows(
    commit_of: Commits, database: Path, format: FileFormat, one: bytes, two: bytes
) -> None:
    push(commit_of({"sales/30": one, "sales/more/31": two}), to(database, format))
    assert rows(database, "sales") == [(30, 138900), (31, 138255)]


def test_a_table_holds_the_rows_of_the_last_commit_and_keeps_its_own_columns(
    commit_of: Commits, database: Path
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("create table sales (sales real, day text primary key)")
        connection.execute("create table other (x)")
        connection.execute("insert into other values (1)")
        connection.commit()
    for figures in (b"day,sales\n30,1\n31,2\n", b"day,sales\n31,3\n"):
        commit = commit_of({"sales/f": figures})
        push(commit, to(database))
        push(commit, to(database))  # again changes nothing
    assert rows(database, "sales") == [(3.0, "31")] and rows(database, "other") == [(1,)]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"sales/a": b"day\n30\n", "sales/b": b'day\n"3'}, "/pfs/out/sales/b is not CSV as it should be"),
        ({"sales/a": b"day\n30\n", "top": b"day\n"}, "/pfs/out/top is not in a directory"),
    ],
)
def test_what_cannot_be_a_row_is_named_and_nothing_has_changed(
    commit_of: Commits, database: Path, files: dict[str, bytes], said: str
) -> None:
    push(commit_of({"sales/f": b"day\n1\n"}), to(database))
    with pytest.raises(EgressError, match=said) as raised:
        push(commit_of(files), to(database))
    assert raised.value.final
    assert rows(database, "sales") == [(1,)]


def test_a_database_that_is_not_there_may_come_back_and_its_password_is_not_told(
    commit_of: Commits, tmp_path: Path
) -> None:
    commit = commit_of({"sales/f": b"day\n1\n"})
    with pytest.raises(EgressError, match="unable to open") as raised:
        push(commit, Egress(url=f"sqlite:///{tmp_path}/no/such.db", format=CSV))
    assert not raised.value.final
    with pytest.raises(EgressError) as raised:
        push(commit, Egress(url="nosuch://me:secret@host/db", format=CSV))
    assert raised.value.final and "secret" not in str(raised.value)
