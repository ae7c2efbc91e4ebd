"""The daemon's process: `python -m pfsfuse.mountd`, started by `control.launch` for `pfs mount` and `pfs scheduler`.

It begins when it has read `MountOptions` as a line of JSON from its standard input, and ends when there is none.
What it prints goes to `<store>/logs/daemon.log` as soon as there is a store; how its start ended goes to the
descriptor `--ready-fd` as one line of JSON, `Ready` or `Failed`, after which that descriptor is closed.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # a sixth of the 0.6 s that loading takes went into looking for garbage, of which there is none

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from pfsfuse import daemon, lastwords
from pfsfuse.config import Config
from pfsfuse.control import address
from pfsfuse.control.launch import Failed, Ready
from pfsfuse.control.messages import shown
from pfsfuse.errors import PfsError
from pfsfuse.mountoptions import MountOptions
from store import StoreError

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end: 0 then, 1 after an error, which has been reported or logged."""
    parser = argparse.ArgumentParser(prog="python -m pfsfuse.mountd")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--mountpoint", type=Path)
    parser.add_argument("--dask", help="the address of a cluster; '' starts one")
    parser.add_argument("--ready-fd", type=int, required=True)
    given = parser.parse_args(arguments)
    gc.freeze()  # what is loaded stays
    gc.enable()
    os.set_inheritable(given.ready_fd, False)
    orders = sys.stdin.buffer.readline()
    if not orders:
        return 0  # whoever wanted a daemon has thought better of it
    _read_nothing()
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    report = _Report(given.ready_fd)
    ready = Ready(
        pid=os.getpid(),
        mountpoint=shown(given.mountpoint) if given.mountpoint is not None else None,
        log=shown(address.log_path(given.store)),
    )
    where = given.mountpoint or Path("/pfs")
    config = Config(store=given.store, mountpoint=where, color=False, dask=given.dask)
    lastwords.install(str(given.store))
    try:
        daemon.run(
            config,
            mountpoint=given.mountpoint,
            options=msgspec.json.decode(orders, type=MountOptions),
            prepared=partial(_print_to, address.log_path(given.store)),
            ready=partial(report.send, ready),
        )
    except BaseException as raised:  # noqa: BLE001 - whoever waits for us hears of it, and the log has it all
        report.send(_failed(raised))
        return 1
    return 0


class _Report:
    """The pipe to whoever started us: good for one line."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def send(self, line: Ready | Failed) -> None:
        """Send it, unless something has been sent; nobody may be reading any more."""
        if self._file.closed:
            return
        try:
            with self._file:
                self._file.write(msgspec.json.encode(line) + b"\n")
        except BrokenPipeError:
            log.warning("nobody waits for this daemon to start")


def _read_nothing() -> None:
    """Neither we nor our children have a standard input from here on."""
    descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(descriptor, 0)
    os.close(descriptor)


def _print_to(path: Path) -> None:
    """From here on, everything this process and its children print is appended to `path`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _failed(raised: BaseException) -> Failed:
    """What went wrong, for the command that started us; anything that is not a person's doing is logged in full."""
    error = raised
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, PfsError | StoreError):
        log.error("%s", error)
        return Failed(error=type(error).__name__, message=str(error), hint=error.hint())
    log.error("the daemon ends", exc_info=raised)
    if isinstance(error, OSError):
        return Failed(error="OSError", message=str(error), hint="")
    message = f"this is a bug: {type(error).__name__}: {error}"
    return Failed(error=type(error).__name__, message=message, hint="the traceback is in the daemon's log")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
