"""Running async code in a test, and looking at processes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import trio

T = TypeVar("T")

_numbers = itertools.count()


def sentinel() -> str:
    """Seconds to sleep that no other process on this machine is told: it is known by them."""
    return f"86{next(_numbers):03}.{os.getpid():07}"


def run(function: Callable[[], Awaitable[T]], *, seconds: float = 280.0) -> T:
    """The result of an async function, which has a little less time than the test that calls it."""

    async def limited() -> T:
        with trio.fail_after(seconds):
            return await function()

    return trio.run(limited)


def is_running(text: str) -> bool:
    """Whether a process other than this one has `text` in its command line."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            line = Path("/proc", pid, "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in line and int(pid) != os.getpid():
            return True
    return False
