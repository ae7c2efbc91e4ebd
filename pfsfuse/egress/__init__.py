"""Out of the store: what a job computed, written where others look for it.

    push(commit, egress)   write all of a commit to where `egress` says; safe to repeat
    require(egress)        what that takes is installed

    kind        URL                              library             what is written
    directory   file:///srv/sales                none                directory.py: each file, over what was there
    objects     s3://bucket/sales, gs://, az://  obstore             objects.py: each file as an object
    tables      postgresql://…, sqlite:///…, …   sqlalchemy, pandas  tables.py: each directory as a table

Nothing is deleted from a directory or a bucket: what an earlier commit wrote and this one has not stays there. A table
holds the rows of this commit and no others. Repeating a push that was cut short completes it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from urllib.parse import urlsplit

from pfsfuse.egress.errors import EgressError
from pfsfuse.errors import SpecError
from pfsfuse.pipeline import Egress
from store import Commit

__all__ = ["EgressError", "push", "require"]


def push(commit: Commit, egress: Egress, *, between: Callable[[], None] = lambda: None) -> None:
    """Write what is in `commit`. Calls `between` now and then: raising there cuts it short.

    Raises EgressError, which says whether trying again may help. Blocks for as long as it takes.
    """
    # Imported here: each speaks a library that only those need who use it.
    if egress.format is not None:
        from pfsfuse.egress import tables

        tables.push(commit, egress.url, egress.format, between)
    elif urlsplit(egress.url).scheme == "file":
        from pfsfuse.egress import directory

        directory.push(commit, egress.url, between)
    else:
        from pfsfuse.egress import objects

        objects.push(commit, egress.url, between)


def require(egress: Egress, *, name: str) -> None:
    """Raise SpecError, naming the pipeline `name` and what to install, unless its egress can be carried out here."""
    needed, extra = [], ""
    if egress.format is not None:
        needed, extra = ["sqlalchemy", "pandas"], "sql"
        needed += ["pyarrow"] if egress.format.type == "PARQUET" else []
    elif urlsplit(egress.url).scheme != "file":
        needed, extra = ["obstore"], "s3"
    if missing := [library for library in needed if find_spec(library) is None]:
        raise SpecError(
            f"{name}: egress needs {' and '.join(missing)}, which is not installed here",
            hint=f"`pip install 'pfsfuse[{extra}]'`",
        )
