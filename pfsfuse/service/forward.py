"""From the port people connect to, to the port the command listens on: a TCP proxy on the loopback device."""

from __future__ import annotations

import contextlib

import trio

from pfsfuse.service.ports import LOOPBACK, refused

PIECE = 1 << 16


async def forward(external_port: int, internal_port: int) -> None:
    """Pass connections on until cancelled; what is open then is closed.

    Raises ServiceError, naming the port, when it cannot be listened on: somebody may have taken it since it was free.
    """

    async def serve(outer: trio.SocketStream) -> None:
        # Whoever hangs up, hangs up: a broken connection is an event in one client's life, not in ours.
        with contextlib.suppress(OSError, trio.BrokenResourceError):
            inner = await trio.open_tcp_stream(LOOPBACK, internal_port)
            async with inner, trio.open_nursery() as nursery:
                nursery.start_soon(_copy, outer, inner)
                nursery.start_soon(_copy, inner, outer)

    try:
        listeners = await trio.open_tcp_listeners(external_port, host=LOOPBACK)
    except OSError as error:
        raise refused(external_port, "port", error) from None
    await trio.serve_listeners(serve, listeners)


async def _copy(source: trio.SocketStream, target: trio.SocketStream) -> None:
    """Until `source` ends; then `target` is told so, and may still send what it has to say."""
    with contextlib.suppress(trio.BrokenResourceError):
        async for piece in source:
            await target.send_all(piece)
        await target.send_eof()
