"""Bytes that are made in place."""

from __future__ import annotations

import io
from collections.abc import Callable


def filled(size: int, fill: Callable[[memoryview], object]) -> bytes:
    """`size` bytes, written by `fill` into the buffer that it is given."""
    # Python has no other way to bytes that several hands write, without a copy: BytesIO gives away what it holds.
    held = io.BytesIO(bytes(size))
    with held.getbuffer() as buffer:
        fill(buffer)
    return held.getvalue()
