"""Whole lines out of a pipe."""

from __future__ import annotations

import trio


class LineReader:
    """Lines of a byte stream, each without its newline.

    Cancelling `next_line` loses nothing: what was read stays buffered for the next call.
    """

    def __init__(self, stream: trio.abc.ReceiveStream, *, most: int | None = None) -> None:
        """A line of over `most` bytes counts as the end of input: whoever is not trusted could send one without end."""
        self._stream, self._most = stream, most
        self._buffer = bytearray()

    async def next_line(self) -> bytes | None:
        """The next line, or None at the end of input (an unfinished last line is dropped: its writer
        died)."""
        seen = 0
        while (end := self._buffer.find(b"\n", seen)) < 0:
            seen = len(self._buffer)
            if self._most is not None and seen > self._most:
                return None
            data = await self._stream.receive_some(1 << 16)
            if not data:
                return None
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line
