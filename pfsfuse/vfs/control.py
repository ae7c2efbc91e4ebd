"""`.pfs`: what a mount says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

import msgspec

from pfsfuse.vfs.keys import child_key, root_key
from pfsfuse.vfs.nodes import Directory, Fixed, Text

NAME = b".pfs"

Status: TypeAlias = Callable[[], Mapping[str, object]]


def control_directory(parent: Directory, status: Status) -> Fixed:
    """`.pfs` with `version` (one line) and `status` (JSON, made anew at each open)."""
    key = root_key(b"control")
    directory = Fixed(key, parent, NAME)
    texts = {b"version": _version, b"status": lambda: _json(status())}
    return directory.fill(Text(child_key(key, name), directory, name, text) for name, text in texts.items())


def _version() -> bytes:
    try:
        return version("pfsfuse").encode() + b"\n"
    except PackageNotFoundError:
        return b"unknown\n"


def _json(status: Mapping[str, object]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(status), indent=2) + b"\n"
