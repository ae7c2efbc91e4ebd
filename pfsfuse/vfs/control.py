"""`.pfs`: what a mount says about itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import msgspec

from pfsfuse.vfs.branches import Branches
from pfsfuse.vfs.keys import alias, child_key, root_key
from pfsfuse.vfs.messages import MessageDirectory
from pfsfuse.vfs.nodes import Contents, Directory, Node, Text, WholeContents
from store import Store

NAME = b".pfs"

Reports: TypeAlias = Mapping[bytes, Callable[[], Mapping[str, object]]]
"""Names in `.pfs`, and what each says when somebody looks."""


class ControlDirectory(Directory):
    """`.pfs` with `version` (one line), the reports (JSON, made anew whenever somebody looks), and `commit`
    (messages.py), unless nothing can be written.
    """

    __slots__ = ("_commit", "_texts")

    def __init__(self, parent: Directory, reports: Reports, branches: Branches | None, store: Store) -> None:
        super().__init__(root_key(b"control"), parent, NAME)
        self._texts: dict[bytes, Callable[[], bytes]] = {b"version": _version}
        self._texts.update((name, partial(_json, report)) for name, report in reports.items())
        self._commit = None if branches is None else MessageDirectory(self, store, branches)

    def find(self, name: bytes) -> Node | None:
        if self._commit is not None and name == self._commit.name:
            return self._commit
        make = self._texts.get(name)
        return None if make is None else self._told(name, make())

    def _told(self, name: bytes, text: bytes) -> Text:
        place = child_key(self.key, name)
        return Text(root_key(place, text), self, name, text, alias=alias(place), mtime_ns=time.time_ns())

    def contents(self) -> Contents:
        nodes: list[Node] = [self._told(name, make()) for name, make in self._texts.items()]
        nodes += [] if self._commit is None else [self._commit]
        return WholeContents({node.name: node for node in nodes})


def _version() -> bytes:
    # Loading it takes a twentieth of what a daemon's start does, and few ask.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pfsfuse").encode() + b"\n"
    except PackageNotFoundError:
        return b"unknown\n"


def _json(report: Callable[[], Mapping[str, object]]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report()), indent=2) + b"\n"
