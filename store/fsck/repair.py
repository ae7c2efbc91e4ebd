"""Mending what can be mended without loss.        store/fsck/README.md

A mend is one record to write or to remove, worked out from records and bytes that were checked. `plan_repair` finds
them in one read transaction and changes nothing; `repair` carries them out, some in each transaction, and leaves out
those whose record is not what the plan saw. So a repair can be killed, and done again, and again does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from store.engine import Environment, Reading, Writing, compact
from store.engine.txn import SEGMENTS
from store.errors import Corrupt
from store.format import segment
from store.format.segment import Place
from store.fsck.lines import mend_lines
from store.fsck.mend import Mend, seen
from store.fsck.places import mend_places
from store.fsck.records import Progress
from store.fsck.sums import mend_sums

BATCH = 1_000
"""Mends in one transaction."""


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """What a repair would do, computed from one read transaction."""

    mends: tuple[Mend, ...]


def plan_repair(env: Environment, progress: Progress = lambda what, done, total: None) -> RepairPlan:
    """What can be mended; every byte of the store is read for it.

    Raises Corrupt when the database itself is damaged: then nothing must be written to it.
    """
    compact.plan_compact(env)  # walks LMDB's pages
    with env.read() as reading:
        mends = [
            *mend_places(reading, progress, env.residence.touched),
            *mend_lines(reading),
            *mend_sums(reading),
        ]
    return RepairPlan(tuple(mends))


def repair(env: Environment, plan: RepairPlan, progress: Callable[[int], None] = lambda done: None) -> int:
    """Carry out `plan`; how many mends were done. Durable on return; what was not done is not needed any more."""
    done = 0
    lease = env.lease()  # the bytes that are found again must not be collected before they have their place
    try:
        for start in range(0, len(plan.mends), BATCH):
            batch = plan.mends[start : start + BATCH]
            done += env.write(lambda writing, batch=batch: sum(_mend(writing, each) for each in batch))  # type: ignore[misc]
            progress(start + len(batch))
    finally:
        lease.release()
    return done


def _mend(writing: Writing, mend: Mend) -> bool:
    if seen(writing.get_raw(mend.table, mend.key)) != mend.seen:
        return False
    if mend.place is not None and not _holds(writing, mend.place, mend.key):
        return False
    if mend.after is None:
        return writing.delete(mend.table, mend.key)
    writing.put_raw(mend.table, mend.key, mend.after)
    return True


def _holds(reading: Reading, place: Place, name: bytes) -> bool:
    """Whether the segment has this object there still."""
    record = reading.get_raw(SEGMENTS, place.segment.to_bytes(8, "big"))
    try:
        offset = 0
        for row, length in segment.rows(record) if record is not None else ():
            if (row, offset, length) == (name, place.offset, place.length):
                return True
            offset += length
    except Corrupt:
        pass
    return False
