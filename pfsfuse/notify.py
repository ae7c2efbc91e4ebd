"""Telling the service manager how a daemon is: systemd's protocol for services of `Type=notify` (sd_notify(3))."""

from __future__ import annotations

import socket
from contextlib import suppress

READY, STOPPING = "READY=1", "STOPPING=1"


def notify(address: str | None, state: str) -> None:
    """Send `state`, lines of NAME=VALUE, to the socket at `address`; None: nobody wants to know.

    A manager that does not listen is no reason to fail. A leading @ is that of the abstract name space.
    """
    if address is None:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
