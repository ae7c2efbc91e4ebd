"""The numbers of the jobs in a ledger: whether they are all there, and made so by the rules of `numbering.py`."""

from __future__ import annotations

from collections.abc import Iterable

from pfsfuse.scheduler import keys, numbering
from pfsfuse.scheduler.job import Job, Pipeline
from pfsfuse.scheduler.ledger import Ledger
from store import Shelf, Store


class Numbers:
    """The keys that find a store's jobs by their numbers. Holds nothing: every call reads what is there now."""

    def __init__(self, store: Store) -> None:
        self._ledger = Ledger(store)
        self._shelf: Shelf = store.shelf(keys.SHELF)

    def complete(self, pipelines: Iterable[Pipeline], *, thoroughly: bool = False) -> None:
        """Have jobs found by number that are not: of pipelines that were made before that was kept, and jobs that have
        been ordered by an earlier version of pfs. Raises Conflict when a pipeline has changed.

        `thoroughly` also looks for what a mixture of versions, or a salvaged store, has left (jobs without their key,
        keys without a job, two jobs of one number) and puts it right: for whoever begins to schedule, while no job is
        running.
        """
        unknown = {
            key.decode().split("\0")[1]
            for key, number in self._shelf.iter(keys.key("open", ""))
            if not number
        }
        for each in pipelines:
            is_new = self._shelf.get(keys.key("numbered", each.name)) is None
            lacking = is_new or each.name in unknown
            if thoroughly and (lacking or not self._are_right(each.name)):
                changes, expect = self._put_right(each.name)
            elif lacking:
                changes, expect = self._complete(
                    list(self._ledger.iter_jobs(each.name)) if is_new else self._ledger.open_jobs(each.name)
                )
            else:
                continue
            changes[keys.key("numbered", each.name)] = b""
            self._shelf.update(changes, expect=expect | self._ledger.expected({each.name: each}))

    def _are_right(self, pipeline: str) -> bool:
        jobs = self._shelf.iter(keys.job_key(pipeline, ""))
        ids = [key.decode().rpartition("\0")[2] for key, _ in jobs]
        return numbering.are_right(ids, self._number_keys(pipeline))

    def _number_keys(self, pipeline: str) -> list[bytes]:
        return [key for key, _ in self._shelf.iter(keys.key("number", pipeline, ""))]

    def _put_right(self, pipeline: str) -> tuple[keys.Changes, keys.Changes]:
        """What gives each job a number of its own, and what must still be on disk of the records that this changes."""
        found = self._number_keys(pipeline)  # first: the job of each is then among the jobs
        jobs = list(self._ledger.iter_jobs(pipeline))
        changes = numbering.put_right(jobs, found)
        records = (keys.job_key(job.pipeline, job.id) for job in jobs)
        return changes, {key: self._shelf.get(key) for key in records if key in changes}

    def _complete(self, jobs: list[Job]) -> tuple[keys.Changes, keys.Changes]:
        """What makes jobs found by number, and what must still be on disk of the keys that lack it."""
        unnumbered: keys.Changes = {
            key: b"" for key in map(keys.open_key, jobs) if self._shelf.get(key) == b""
        }
        return numbering.complete(jobs, unnumbered), unnumbered
