"""Which ports on 127.0.0.1 are free, asked before anything is started."""

from __future__ import annotations

import errno
import socket

from pfsfuse.errors import ServiceError

LOOPBACK = "127.0.0.1"


def require_free(port: int, *, what: str) -> None:
    """Raise ServiceError, naming `port` and the way out, unless it could be listened on right now.

    `what` says what the port is in the words of whoever chose it (`service.external_port`).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # What every server sets: connections of an earlier one that still linger do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OverflowError:
            raise ServiceError(f"{what} {port} is not a port", hint="ports are 1 to 65535") from None
        except OSError as error:
            raise refused(port, what, error) from None


def refused(port: int, what: str, error: OSError) -> ServiceError:
    """Why listening on `port` failed, with the way out; `what` as for `require_free`."""
    if error.errno == errno.EADDRINUSE:
        return ServiceError(
            f"{what} {port} is taken on {LOOPBACK}",
            hint=f"choose another one, or see who has it: `ss -ltnp 'sport = :{port}'`",
        )
    if error.errno == errno.EACCES:
        return ServiceError(f"{what} {port} needs root", hint="choose a port from 1024 up")
    return ServiceError(f"{what} {port} cannot be listened on: {error.strerror}")
