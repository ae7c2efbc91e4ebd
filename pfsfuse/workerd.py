"""The worker process: `python -m pfsfuse.workerd STORE PARENT_PID`, started by `pfsfuse.worker.handle`.

It stands beside the daemon because it wires a mount (`pfsfuse.fuse`) to the layer below (`pfsfuse.worker`).
Requests come on standard input, reports go to standard output. The order in `main` matters: a mount namespace
can only be entered while the process has a single thread, and entering a user namespace forgets the wish to
die with the parent.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path

import trio

import store
from pfsfuse import fuse
from pfsfuse.errors import PfsError
from pfsfuse.worker import namespace
from pfsfuse.worker.process import work
from pfsfuse.worker.protocol import Broken, encode
from pfsfuse.worker.rooms import worker_directory


def main(store_path: Path, parent: int) -> int:
    """Serve until the requests end: 0 then; 1 when this process cannot be a worker here, which it has
    reported."""
    logging.basicConfig(format="%(asctime)s worker %(process)d %(levelname)s %(message)s")
    reports, last_word = os.dup(1), os.dup(1)  # the first is closed when the work ends
    os.dup2(2, 1)  # whatever prints cannot spoil the reports
    status = 0
    try:
        namespace.enter_private_mounts()
        namespace.die_with_parent(parent)
        directory = worker_directory(store_path, os.getpid())
        with store.open(store_path) as opened:
            serve = partial(
                fuse.serve, allow_other=os.geteuid() == 0
            )  # for commands that run as somebody else
            trio.run(partial(work, opened, directory, serve, requests=0, reports=reports))
    except* (PfsError, store.StoreError) as group:
        status = 1
        report_broken(last_word, group)
    return status


def report_broken(reports: int, group: BaseExceptionGroup[PfsError | store.StoreError]) -> None:
    """Say the first of these reasons to the parent."""
    error = group.exceptions[0]
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    os.write(reports, encode(Broken(reason=str(error), hint=error.hint())))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
