"""Writing to an output repo only as long as it is this pipeline's.

A pipeline may be deleted, and made anew under its name, while something of it still runs: a job, or the command of a
spout. What says that it is still there is asked in the transaction that makes the commit, so that none is made after
its deletion has been acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable

from pfsfuse.scheduler.job import Pipeline
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.output import Hold
from store import Conflict, Edit, Store


class PipelineGone(Exception):
    """The pipeline was deleted, and perhaps made anew, while something of it ran: there is nowhere left to write."""


def write_as(
    store: Store,
    name: str,
    made_ns: int | None,
    write: Callable[[Hold], object],
    check: Callable[[Pipeline], None] = lambda pipeline: None,
) -> None:
    """Have `write` make its commits as the pipeline that was made at `made_ns` (None: whichever has the name).

    `write` is given what holds an edit to that, and is called again when the pipeline was changed (stopped, say)
    meanwhile: what it has committed before must not be committed twice. `check` looks at the pipeline first, and may
    raise. Raises PipelineGone; nothing is committed from then on.
    """
    ledger = Ledger(store)
    while True:
        pipeline = ledger.find_pipeline(name, made_ns=made_ns)
        if pipeline is None:
            raise PipelineGone(name)
        check(pipeline)

        def hold(edit: Edit, pipeline: Pipeline = pipeline) -> None:
            ledger.hold(edit, pipeline)

        try:
            write(hold)
            return
        except Conflict:
            if ledger.find_pipeline(name, made_ns=made_ns) == pipeline:
                raise  # of something else
