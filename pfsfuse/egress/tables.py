"""To a SQL database: each directory at the top of the commit is a table, the files in it are its rows. The only module
that speaks SQLAlchemy.

All tables change in one transaction: what was in them is deleted, and the rows of this commit are there instead. A
table that does not exist is made, its types guessed from the first rows. So a push that is repeated changes nothing,
and one that fails has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

import pandas
import sqlalchemy
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from pfsfuse.egress.errors import EgressError, first_line
from pfsfuse.pipeline import FileFormat
from store import Commit

ROWS = 20_000
"""Held in memory at once."""


def push(commit: Commit, url: str, format: FileFormat, between: Callable[[], None]) -> None:
    """As `egress.push`."""
    shown = url.partition("://")[0]
    try:
        engine = sqlalchemy.create_engine(url)
        shown = engine.url.render_as_string(hide_password=True)
        try:
            with engine.begin() as connection:
                for table, files in _tables(commit):
                    between()
                    if sqlalchemy.inspect(connection).has_table(table):
                        connection.execute(sqlalchemy.delete(sqlalchemy.table(table)))
                    for path in files:
                        _insert(connection, table, commit, path, format, between)
        finally:
            engine.dispose()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise EgressError(f"egress to {shown}: {first_line(error)}", final=True) from None
    except (SQLAlchemyError, OSError) as error:
        raise EgressError(f"egress to {shown}: {first_line(error)}") from None


def _tables(commit: Commit) -> Iterator[tuple[str, list[bytes]]]:
    """Each table, with its files in the order of their paths."""
    for entry in commit.list():
        name = entry.name.decode("utf-8", "backslashreplace")
        if not entry.is_dir:
            raise EgressError(
                f"/pfs/out/{name} is not in a directory; each directory is a table, and its files are rows",
                final=True,
            )
        yield name, [path for path, each in commit.walk(entry.name) if each.is_file]


def _insert(
    connection: Any, table: str, commit: Commit, path: bytes, format: FileFormat, between: Callable[[], None]
) -> None:
    try:
        with commit.open(path) as source:
            for rows in _rows(source, format):
                between()
                rows.to_sql(table, connection, if_exists="append", index=False)
    except (ValueError, KeyError, pandas.errors.ParserError) as error:
        name = path.decode("utf-8", "backslashreplace")
        raise EgressError(
            f"/pfs/out/{name} is not {format.type} as it should be: {first_line(error)}", final=True
        ) from None


def _rows(source: IO[bytes], format: FileFormat) -> Iterator[pandas.DataFrame]:
    """The rows of one file, a piece at a time."""
    columns = list(format.columns) or None
    if format.type == "CSV":
        header = 0 if columns is None else None
        try:
            yield from pandas.read_csv(source, chunksize=ROWS, names=columns, header=header)
        except pandas.errors.EmptyDataError:
            return
    elif format.type == "JSON":
        for rows in pandas.read_json(source, lines=True, chunksize=ROWS):
            yield rows[columns] if columns else rows
    else:
        yield pandas.read_parquet(source, columns=columns)
