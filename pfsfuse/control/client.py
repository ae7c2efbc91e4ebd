"""Asking running daemons, with nothing but a socket: commands must not wait for an event loop to be imported."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from pfsfuse.control import address
from pfsfuse.control.messages import (
    LINE_LIMIT,
    Done,
    GetStatus,
    Refresh,
    Refused,
    Reply,
    Request,
    Stage,
    Staged,
    Status,
    Stop,
    shown,
)
from pfsfuse.errors import DaemonError
from pfsfuse.processes import is_alive, is_stopped
from pfsfuse.worktree.failures import NotStaged
from pfsfuse.worktree.progress import TellStaging

NOBODY = Refused("nobody listens")
"""In place of a reply: the socket is one that a daemon has left behind."""
LOOK_SECONDS = 1.0
"""How long a daemon may be silent before it is looked at whether it stands still."""
TELL_SECONDS = 0.3
"""How often a daemon is asked how far it is, for who wants to know."""


def daemons(store_path: Path, *, timeout_seconds: float = 2.0) -> list[Status]:
    """Every daemon of this store that answers within `timeout_seconds`, by ascending pid.

    Sockets of dead daemons are removed on the way; one that is alive and silent is left out.
    """
    deadline = time.monotonic() + timeout_seconds
    replies = (_ask(store_path, pid, GetStatus(), deadline) for pid in address.pids(store_path))
    return [reply for reply in replies if isinstance(reply, Status)]


def refresh(store_path: Path, *, timeout_seconds: float = 5.0) -> int:
    """Tell every daemon of this store that heads moved, and wait until what their mounts show agrees.

    Returns how many agreed. A daemon that does not answer in time finds out by itself, as it watches the store;
    the time limit is for all of them together, and nothing is raised: what was committed is committed.
    """
    deadline = time.monotonic() + timeout_seconds
    replies = [_ask(store_path, pid, Refresh(), deadline) for pid in address.pids(store_path)]
    return sum(isinstance(reply, Done) for reply in replies)


def stage(
    store_path: Path, *, timeout_seconds: float = 3600.0, progress: TellStaging | None = None
) -> list[NotStaged]:
    """Have every daemon of this store move what was written through its mount into the drafts, and wait for that; the
    branches of which it could not. `progress` is told now and then how far they are.

    Raises DaemonError when one cannot, or does not answer: what was written may then be missing from the drafts.
    """
    deadline = time.monotonic() + timeout_seconds
    failed: list[NotStaged] = []
    for pid in address.pids(store_path):
        look = None if progress is None else partial(_tell_staging, store_path, pid, progress)
        reply = _ask(store_path, pid, Stage(), deadline, look)
        if isinstance(reply, Staged):
            failed += reply.failed
        if reply is NOBODY:
            continue
        if isinstance(reply, Refused):
            raise DaemonError(f"the daemon {pid} cannot stage what was written: {reply.why}")
        if reply is None and is_stopped(pid):
            raise DaemonError(
                f"the daemon {pid} is stopped and answers nobody", hint=f"`kill -CONT {pid}` has it go on"
            )
        if reply is None and is_alive(pid):
            hint = f"its log is {address.log_path(store_path)}"
            raise DaemonError(f"the daemon {pid} does not answer", hint=hint)
    return failed


def _tell_staging(store_path: Path, pid: int, progress: TellStaging) -> None:
    found = status(store_path, pid)
    if found is not None and found.staging is not None:
        progress(found.staging)


def status(store_path: Path, pid: int, *, timeout_seconds: float = 2.0) -> Status | None:
    """What the daemon `pid` says of itself; None when it does not answer."""
    reply = _ask(store_path, pid, GetStatus(), time.monotonic() + timeout_seconds)
    return reply if isinstance(reply, Status) else None


def find_mount(store_path: Path, mountpoint: Path) -> Status | None:
    """The daemon that serves `mountpoint`, by whatever path, if one answers."""
    # Daemons name the real path. The last part is looked at last: lstat of a mount that hangs does not return.
    parent, name = os.path.split(os.path.abspath(mountpoint))
    mounts = {each.mountpoint: each for each in daemons(store_path) if each.mountpoint is not None}
    beside = mounts.get(shown(Path(os.path.realpath(parent), name)))
    return beside or (mounts.get(shown(Path(os.path.realpath(mountpoint)))) if mounts else None)


def stop(store_path: Path, pid: int, *, timeout_seconds: float = 60.0) -> None:
    """End the daemon `pid`; returns when its services are committed, its mount is gone and so is its process.

    Harmless when it has gone already. Raises DaemonError when it refuses or takes longer than `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        reply = _ask(store_path, pid, Stop(), deadline)
        if reply is NOBODY:
            return  # the process of this pid is another one
        if isinstance(reply, Refused):
            raise DaemonError(f"the daemon {pid} refused to stop: {reply.why}")
        patience = max(deadline - time.monotonic(), 0.0) if reply is not None else 0.0
        if not select.select([process], [], [], patience)[0]:
            what = "does not answer" if reply is None else f"has not ended after {timeout_seconds:.0f} s"
            raise DaemonError(f"the daemon {pid} {what}", hint=f"its log is {address.log_path(store_path)}")
    finally:
        os.close(process)


def _ask(
    store_path: Path, pid: int, request: Request, deadline: float, look: Callable[[], None] | None = None
) -> Reply | None:
    """The reply of the daemon `pid`; None when there is none by `deadline` (a `time.monotonic`), or it stands still;
    NOBODY, and its socket is gone, when it has died.

    `look` is called now and then while it is waited for.
    """
    try:
        with address.open_address(store_path, pid) as path, socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(max(deadline - time.monotonic(), 0.001))
            stream.connect(path)
            stream.sendall(msgspec.json.encode(request) + b"\n")
            return _read_reply(stream, deadline, pid, look)
    except ConnectionRefusedError:
        address.socket_path(store_path, pid).unlink(missing_ok=True)
        return NOBODY
    except OSError:
        return None


def _read_reply(
    stream: socket.socket, deadline: float, pid: int, look: Callable[[], None] | None
) -> Reply | None:
    patience = LOOK_SECONDS if look is None else TELL_SECONDS
    line = bytearray()
    while not line.endswith(b"\n"):
        left = max(deadline - time.monotonic(), 0.001)
        stream.settimeout(min(left, patience))
        try:
            piece = stream.recv(LINE_LIMIT)
        except TimeoutError:
            if left <= patience or is_stopped(pid):
                return None
            if look is not None:
                look()
            continue
        if not piece or len(line) + len(piece) > LINE_LIMIT:
            return None
        line += piece
    try:
        reply: Reply = msgspec.json.decode(line, type=Reply)
    except msgspec.DecodeError:
        return None
    return reply
