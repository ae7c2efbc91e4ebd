"""One line of JSON per message between a worker and its parent.

    parent → worker   Launch | Task | Stop          (end of input: the parent is gone, so end everything)
    worker → parent   Ready | Broken, then Started, Ended and Outcome as they happen

The names of files are bytes on disk and `surrogateescape`d strings in these records. The standard library's
JSON carries such strings (as `\\udcXX`); msgspec's own encoder refuses them, so it only checks the types
here.
"""

from __future__ import annotations

import json

import msgspec

from pfsfuse.worker.api import Ended, Launch, Outcome, Task


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """End the launch of this name: SIGTERM to its command, SIGKILL to all of it after the grace."""

    name: str
    grace_seconds: float = 0.0


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The view is mounted and the worker takes launches."""

    pid: int
    sandbox: str
    """What runs the commands: "bubblewrap" or "unshare"."""


class Broken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The worker cannot work here, for a reason a person can do something about."""

    reason: str
    hint: str = ""


class Started(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The command of this launch runs."""

    name: str
    pid: int
    """The sandbox around the command, in the host's PID namespace."""


Request = Launch | Task | Stop
Report = Ready | Broken | Started | Ended | Outcome


def encode(message: Request | Report) -> bytes:
    """The message as one line, newline included."""
    return json.dumps(msgspec.to_builtins(message), separators=(",", ":")).encode("ascii") + b"\n"


def decode_request(line: bytes) -> Request:
    """What the parent said. Raises ValueError when the line is no request."""
    request: Request = msgspec.convert(json.loads(line), Request)
    return request


def decode_report(line: bytes) -> Report:
    """What the worker said. Raises ValueError when the line is no report."""
    report: Report = msgspec.convert(json.loads(line), Report)
    return report
