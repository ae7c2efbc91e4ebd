"""The numbers of a pipeline's jobs, and the keys that find a job by its number: pure.

A job's number says after which other jobs it runs. Earlier versions of pfs wrote jobs without the key that finds them
by number; whoever goes by the keys does not see such a job, and gives its number away again. And a store that was
salvaged may lack keys that it had. Both is found by comparing keys with keys, and put right from the jobs themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from pfsfuse.scheduler.job import Job
from pfsfuse.scheduler.keys import Changes, job_changes, number_in, number_key, open_key


def are_right(ids: Collection[str], found: Collection[bytes]) -> bool:
    """Whether the keys that are `found` are those of the jobs of these ids, each with a number of its own."""
    named = [key.decode().rpartition("\0")[2] for key in found]
    numbers = {number_in(key) for key in found}
    return len(named) == len(ids) == len(numbers) and set(named) == set(ids)


def complete(jobs: Iterable[Job], unnumbered: Collection[bytes]) -> Changes:
    """The keys that find these jobs, and the numbers that their `unnumbered` keys lack. Their records stay as they are:
    they may be running."""
    changes: Changes = {}
    for job in jobs:
        changes[number_key(job)] = b""
        if open_key(job) in unnumbered:
            changes[open_key(job)] = b"%d" % job.number
    return changes


def put_right(jobs: Iterable[Job], found: Iterable[bytes]) -> Changes:
    """What makes the keys those of `jobs`, which are all there are, and gives each job a number of its own. They keep
    their order; two of one number are in that in which they were made."""
    changes: Changes = dict.fromkeys(found)
    last = 0
    for job in sorted(jobs, key=lambda job: (job.number, job.created_ns, job.id)):
        last = max(last + 1, job.number)
        if job.number != last:
            changes |= job_changes(replace(job, number=last))
        else:
            changes[number_key(job)] = b""
            if not job.ended:
                changes |= job_changes(job)
    return changes
