"""The `egress` section: where output goes as well."""

from __future__ import annotations

import re
from typing import Any, cast, get_args
from urllib.parse import urlsplit

from pfsfuse.pipeline.fields import Field
from pfsfuse.pipeline.reader import shown
from pfsfuse.pipeline.spec import Egress, FileFormat, FileType
from pfsfuse.pipeline.tables import EGRESS, FILE_FORMAT, OBJECT_STORAGE, SQL_DATABASE

SCHEMES = ("file", "s3", "gs", "az")
_DATABASE = re.compile(r"[a-z][a-z0-9]*(\+[a-z0-9]+)?://\S*", re.IGNORECASE)


def read_egress(field: Field) -> Egress:
    """The section: a URL, an object storage or a database."""
    found = field.table(EGRESS)
    if len(found) != 1:
        field.fail(
            "expected exactly one of URL, object_storage and sql_database,"
            f" found {' and '.join(found) or 'nothing'}"
        )
    if "sql_database" in found:
        return _read_database(found["sql_database"])
    if "object_storage" in found:
        storage = found["object_storage"].table(OBJECT_STORAGE)
        if "url" not in storage:
            found["object_storage"].fail("url is missing: s3://BUCKET/PREFIX, say")
        return Egress(url=_read_url(storage["url"]))
    (url,) = found.values()
    return Egress(url=_read_url(url))


def egress_json(egress: Egress) -> dict[str, Any]:
    """The section as people would write it."""
    if egress.format is None:
        return {"URL": egress.url}
    format: dict[str, Any] = {"type": egress.format.type}
    if egress.format.columns:
        format["columns"] = list(egress.format.columns)
    return {"sql_database": {"url": egress.url, "file_format": format}}


def _read_url(field: Field) -> str:
    text = field.argument()
    try:
        url = urlsplit(text)
    except ValueError:
        url = None
    if url is None or url.scheme not in SCHEMES:
        field.fail(
            f"{shown(text)} is not where output can go; expected file:///DIRECTORY, s3://BUCKET/PREFIX, gs://… or"
            " az://…, or sql_database"
        )
    if url.scheme == "file" and (url.netloc or not url.path.startswith("/")):
        field.fail(f"{shown(text)} is not a directory of this host; expected file:///DIRECTORY")
    if url.scheme != "file" and not url.netloc:
        field.fail(f"{shown(text)} names no bucket; expected {url.scheme}://BUCKET/PREFIX")
    return text


def _read_database(field: Field) -> Egress:
    found = field.table(SQL_DATABASE)
    for name, what in (("url", "postgresql://HOST/DATABASE, say"), ("file_format", "{type: CSV}, say")):
        if name not in found:
            field.fail(f"{name} is missing: {what}")
    url = found["url"].argument()
    if not _DATABASE.fullmatch(url):
        found["url"].fail(
            f"{shown(url)} is not the URL of a database; expected postgresql://HOST/DATABASE, say"
        )
    format = found["file_format"].table(FILE_FORMAT)
    if "type" not in format:
        found["file_format"].fail("type is missing: CSV, JSON or PARQUET")
    columns = format["columns"].arguments() if "columns" in format else ()
    return Egress(url=url, format=FileFormat(type=_read_type(format["type"]), columns=columns))


def _read_type(field: Field) -> FileType:
    text = field.text()
    if text not in get_args(FileType):
        field.fail(f"{shown(text)} is none of CSV, JSON and PARQUET")
    return cast(FileType, text)
