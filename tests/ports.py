"""Ports for what a test starts a moment later."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket

LOWEST, EACH = 20_000, 1_000
"""Below the ports that the kernel gives to who asks for any (from 32,768 on, where nobody has changed it): one of those
may be somebody else's by the time it is used, and who asks at it whether somebody listens may be given it himself."""
_runner = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
_numbers = itertools.count(random.SystemRandom().randrange(EACH))


def free_port() -> int:
    """A port that nobody listens on, and that no other test of this run is given."""
    while True:
        port = LOWEST + _runner * EACH + next(_numbers) % EACH
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
