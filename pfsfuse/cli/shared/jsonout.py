"""What `--json` prints: the same facts as on the terminal, with whole ids, bytes and UTC times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from pfsfuse.cli.shared.text import iso

if TYPE_CHECKING:
    from store import Commit, Entry

Json = dict[str, Any]


def write(value: object) -> None:
    import json

    click.echo(json.dumps(value, indent=2))


def write_list(values: Iterable[Mapping[str, Any]]) -> None:
    """A JSON array, one element a line, written as the elements come: the list may be longer than memory."""
    import json

    before = "[\n"
    for value in values:
        click.echo(before + json.dumps(value), nl=False)
        before = ",\n"
    click.echo("[]" if before == "[\n" else "\n]")


def entry(path: bytes, found: Entry) -> Json:
    """`path` has bytes that are not UTF-8 as lone surrogates (Python's surrogateescape), like any path in Python."""
    made: Json = {
        "path": path.decode("utf-8", "surrogateescape"),
        "kind": kind(found),
        "size": found.size,
        "mode": f"{found.mode & 0o7777:04o}",
        "mtime": iso(found.mtime_ns),
    }
    if found.is_dir:
        made["files"] = found.files
    if found.target is not None:
        made["target"] = found.target.decode("utf-8", "surrogateescape")
    return made


def kind(found: Entry) -> str:
    return "directory" if found.is_dir else "symlink" if found.is_symlink else "file"


def commit(found: Commit) -> Json:
    return {
        "repo": found.repo,
        "branch": found.branch,
        "number": found.depth,
        "id": str(found.id),
        "parent": str(found.parent) if found.parent else None,
        "state": found.state,
        "reason": found.reason,
        "origin": found.origin,
        "author": found.author,
        "message": found.message,
        "started": iso(found.started_ns),
        "finished": iso(found.finished_ns),
        "files": found.tree.files,
        "size": found.tree.size,
        "provenance": [
            {"repo": each.repo, "branch": each.branch, "id": str(each.commit)} for each in found.provenance
        ],
    }
