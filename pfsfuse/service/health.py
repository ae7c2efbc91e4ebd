"""Does a service answer? It is asked for a page; any answer is a good one, a refusal too."""

from __future__ import annotations

import trio

from pfsfuse.service.ports import LOOPBACK

ANSWER_SECONDS = 10.0
"""A Jupyter that loads a large notebook has been seen silent for 3 s on two busy cores."""


async def answers(port: int, page: str) -> bool:
    """Is somebody listening on `port` and does he say something within `ANSWER_SECONDS` when asked for `page`?

    Hanging up counts as an answer: services need not speak HTTP.
    """
    with trio.move_on_after(ANSWER_SECONDS):
        try:
            stream = await trio.open_tcp_stream(LOOPBACK, port)
            async with stream:
                await stream.send_all(f"GET {page} HTTP/1.0\r\nHost: {LOOPBACK}:{port}\r\n\r\n".encode())
                await stream.receive_some(1)
        except trio.BrokenResourceError:
            return True
        except OSError:
            return False
        return True
    return False
