"""`.pfs`: what a mount says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

import msgspec

from pfsfuse.vfs.branches import Branches
from pfsfuse.vfs.keys import child_key, root_key
from pfsfuse.vfs.messages import MessageDirectory
from pfsfuse.vfs.nodes import Directory, Fixed, Node, Text
from store import Store

NAME = b".pfs"

Reports: TypeAlias = Mapping[bytes, Callable[[], Mapping[str, object]]]
"""Names in `.pfs`, and what each says when it is read."""


def control_directory(parent: Directory, reports: Reports, branches: Branches | None, store: Store) -> Fixed:
    """`.pfs` with `version` (one line), the reports (JSON, made anew whenever somebody looks), and `commit`
    (messages.py), unless nothing can be written.
    """
    key = root_key(b"control")
    directory = Fixed(key, parent, NAME)
    texts: dict[bytes, Callable[[], bytes]] = {b"version": _version}
    texts.update((name, partial(_json, report)) for name, report in reports.items())
    children: list[Node] = [Text(child_key(key, name), directory, name, text) for name, text in texts.items()]
    children += [MessageDirectory(directory, store, branches)] if branches is not None else []
    return directory.fill(children)


def _version() -> bytes:
    try:
        return version("pfsfuse").encode() + b"\n"
    except PackageNotFoundError:
        return b"unknown\n"


def _json(report: Callable[[], Mapping[str, object]]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report()), indent=2) + b"\n"
