"""Sending on what a job has committed, again and again until it has arrived."""

from __future__ import annotations

import logging
from functools import partial

import trio

from pfsfuse.egress import EgressError, push
from pfsfuse.pipeline import Egress
from pfsfuse.scheduler import output
from pfsfuse.scheduler.job import Job
from store import Store

log = logging.getLogger(__name__)

TRIES = 8
FIRST_PAUSE_SECONDS = 1.0
"""Doubled after each try: about two minutes in all, in which a server can start again."""


async def push_out(
    store: Store, job: Job, egress: Egress, *, pause_seconds: float = FIRST_PAUSE_SECONDS
) -> None:
    """Return when all of the job's output is where `egress` says.

    Raises EgressError, with the last try's reason, when it is no use. What has been written stays written; the commit
    stays what it is. Cancelled between two files at the latest.
    """
    commit = output.find_output(store, job)
    assert commit is not None  # egress comes after the commit
    for tried in range(1, TRIES + 1):
        try:
            await trio.to_thread.run_sync(
                partial(push, commit, egress, between=trio.from_thread.check_cancelled)
            )
        except EgressError as error:
            if error.final or tried == TRIES:
                times = f" ({tried} tries)" if tried > 1 else ""
                hint = f"its output is committed; `pfs job retry {job.pipeline}` sends it again"
                raise EgressError(f"{error}{times}", final=True, hint=error.hint() or hint) from None
            log.warning("%s@%s: %s; trying again", job.pipeline, job.id, error)
            await trio.sleep(pause_seconds * 2 ** (tried - 1))
        else:
            return
