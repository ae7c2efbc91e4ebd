"""Answering on the control socket of this process, for the user it belongs to and root."""

from __future__ import annotations

import logging
import os
import socket
import struct
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
import trio

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
)
from pfsfuse.worktree.failures import NotStaged

log = logging.getLogger(__name__)

PEER_SECONDS = 60.0
"""To say a request, or to take an answer; whoever needs longer has gone."""


class Answers(Protocol):
    """What a daemon can be asked. An exception is reported to the asker and ends nothing."""

    def status(self) -> Status: ...

    async def refresh(self) -> None:
        """Return when everything this daemon shows agrees with the store as it is now."""
        ...

    async def stage(self) -> list[NotStaged]:
        """Return when what was written through this daemon's mount is in the store's drafts; where it could not be."""
        ...

    def stop(self) -> None:
        """Begin to end."""
        ...


async def serve(
    store_path: Path, answers: Answers, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer until cancelled; `started` once the socket takes connections. The socket is removed at the end."""
    run = address.run_directory(store_path)
    run.mkdir(mode=0o700, exist_ok=True)
    run.chmod(0o700)
    path = address.socket_path(store_path, os.getpid())
    fresh = address.socket_path(store_path, os.getpid(), address.NEXT)
    fresh.unlink(missing_ok=True)
    with trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with address.open_address(store_path, os.getpid(), address.NEXT) as name:
            await listener.bind(name)
            os.chmod(name, 0o600)  # nobody can connect before listen()
        listener.listen(32)
        fresh.rename(path)
        try:
            # Which waits, and goes on, where there are no descriptors left for another asker.
            async with trio.open_nursery() as nursery:
                serve_peer = partial(_serve_peer, answers=answers)
                # A copy, which is closed first: ours listens until nobody finds it, or it would seem dead.
                copy = trio.SocketListener(listener.dup())
                await nursery.start(trio.serve_listeners, serve_peer, [copy])
                task_status.started()
        finally:
            path.unlink(missing_ok=True)


async def _serve_peer(stream: trio.SocketStream, answers: Answers) -> None:
    async with stream:
        try:
            if not _may_ask(stream):
                return
            with trio.fail_after(PEER_SECONDS):
                request = await _read_request(stream)
            reply = await _answer(request, answers)
            with trio.fail_after(PEER_SECONDS):
                await stream.send_all(msgspec.json.encode(reply) + b"\n")
        except (trio.BrokenResourceError, trio.TooSlowError):
            return  # the asker has gone; what it asked for has been done


def _may_ask(stream: trio.SocketStream) -> bool:
    """The file modes say so already; this holds when somebody changed them."""
    credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (0, os.geteuid())


async def _read_request(stream: trio.SocketStream) -> Request | Refused:
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = await stream.receive_some(LINE_LIMIT)
        if not piece or len(line) + len(piece) > LINE_LIMIT:
            return Refused("not one line of JSON")
        line += piece
    try:
        request: Request = msgspec.json.decode(line, type=Request)
    except msgspec.DecodeError as error:
        return Refused(f"not a request: {error}")
    return request


async def _answer(request: Request | Refused, answers: Answers) -> Reply:
    try:
        match request:
            case GetStatus():
                return answers.status()
            case Refresh():
                await answers.refresh()
            case Stage():
                return Staged(tuple(await answers.stage()))
            case Stop():
                answers.stop()
            case Refused():
                return request
    except Exception as error:
        # One request must not end the daemon for everybody; the traceback is in its log.
        log.exception("control request %r failed", request)
        return Refused(f"{type(error).__name__}: {error}")
    return Done()
