"""An entry as fsspec describes it: a dictionary with `name`, `size`, `type`, and more that we know."""

from __future__ import annotations

import os
from typing import Any

import store

Info = dict[str, Any]
"""What fsspec passes around."""


def directory(name: str, **more: object) -> Info:
    """A directory that no entry stands for."""
    return {"name": name, "size": 0, "type": "directory", **more}


def of(name: str, entry: store.Entry, link: store.Entry | None = None) -> Info:
    """What `entry` is. `link`: the symlink that led to it.

    A directory's own size is 0, as sizes are added up; `total_size` and `files` count all that is below it.
    """
    kind = "directory" if entry.is_dir else "file" if entry.is_file else "link"
    found: Info = {
        "name": name,
        "size": 0 if entry.is_dir else entry.size,
        "type": kind,
        "mode": entry.mode,
        "mtime": entry.mtime_ns / 1e9,
        "mtime_ns": entry.mtime_ns,
        "identity": entry.identity().hex(),
        "islink": link is not None or entry.is_symlink,
    }
    if entry.is_dir:
        found |= {"total_size": entry.size, "files": entry.files}
    if link is not None or entry.is_symlink:
        found["destination"] = os.fsdecode((link or entry).target or b"")
    return found
