"""What goes over a control socket: one request and one reply per connection, each one line of JSON.

    {"type":"status"}   → {"type":"status","pid":…}     who are you, what do you serve
    {"type":"refresh"}  → {"type":"done"}               heads moved; answered when the kernel's caches agree
    {"type":"stage"}    → {"type":"staged","failed":…}  move what was written through the mount into the drafts
    {"type":"stop"}     → {"type":"done"}               end; answered at once: its process is gone when all is done
    anything else       → {"type":"refused","why":…}

A daemon of another version ignores fields it does not know.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pfsfuse.worktree.failures import NotStaged
from pfsfuse.worktree.progress import Staging

LINE_LIMIT = 65536
"""Bytes of one line at most; more is refused."""


class GetStatus(msgspec.Struct, frozen=True, tag_field="type", tag="status"):
    """Who are you, what do you serve?"""


class Refresh(msgspec.Struct, frozen=True, tag_field="type", tag="refresh"):
    """Heads moved in the store: look, and answer when everything you show agrees."""


class Stage(msgspec.Struct, frozen=True, tag_field="type", tag="stage"):
    """Move what was written through your mount into the drafts of its branches, and answer when it is there."""


class Stop(msgspec.Struct, frozen=True, tag_field="type", tag="stop"):
    """End."""


class Status(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """A running daemon."""

    pid: int
    version: str
    store: str
    mountpoint: str | None
    """None: it only schedules."""
    scheduling: bool
    """It is the one process that runs this store's pipelines."""
    supervising: bool
    """It is the one process that runs this store's services."""
    services: tuple[str, ...]
    """The services it keeps running, in name order."""
    started_ns: int
    """Unix time in ns."""
    staging: Staging | None = None
    """How far moving what was written into a draft is; None: nothing is being moved."""


class Done(msgspec.Struct, frozen=True, tag_field="type", tag="done"):
    """It has been done."""


class Staged(msgspec.Struct, frozen=True, tag_field="type", tag="staged"):
    """What was written is in the drafts, but for these branches."""

    failed: tuple[NotStaged, ...] = ()


class Refused(msgspec.Struct, frozen=True, tag_field="type", tag="refused"):
    """It has not been done."""

    why: str


Request = GetStatus | Refresh | Stage | Stop
Reply = Status | Staged | Done | Refused


def shown(path: Path) -> str:
    """A path as text that JSON can carry, whatever bytes are in it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
