"""What is on the scheduler's shelf, by its keys.

key                                          value
pipeline \\0 <name>                           Pipeline as JSON
version  \\0 <name> \\0 <number, 8 digits>     Pipeline as JSON, as that version was made
made     \\0 <name> \\0 <commit id>            the number of the version that made a commit, where its job
                                             went with its pipeline and the repo was kept
job      \\0 <pipeline> \\0 <job id>           Job as JSON
open     \\0 <pipeline> \\0 <job id>           its number; there as long as the job has not ended
number   \\0 <pipeline> \\0 <number, 10 digits> \\0 <job id>   nothing
numbered \\0 <pipeline>                       nothing; there when all of its jobs have their `number`
datum    \\0 <pipeline> \\0 <job id> \\0 <datum>  DatumRun as JSON, of datums that the job has run
request  \\0 <pipeline> \\0 <job id>           Request as JSON, until it has been carried out
cursor   \\0 <pipeline> \\0 <repo> \\0 <branch>  the last commit (32 hex digits) whose arrival on that
                                             input has been planned; empty when the branch had none
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pfsfuse.scheduler.arrivals import Reading
from pfsfuse.scheduler.job import Job, Request
from store import CommitId

SHELF = "scheduler"
Changes = dict[bytes, bytes | None]
"""What a shelf's `update` takes: None deletes the key."""


def key(*parts: str) -> bytes:
    return "\0".join(parts).encode()


def job_key(pipeline: str, id: str) -> bytes:
    return key("job", pipeline, id)


def open_key(job: Job) -> bytes:
    return key("open", job.pipeline, job.id)


def number_key(job: Job) -> bytes:
    return key("number", job.pipeline, f"{job.number:010d}", job.id)


def number_in(key: bytes) -> int:
    return int(key.split(b"\0")[2])


def request_key(request: Request) -> bytes:
    return key("request", request.pipeline, request.job)


def version_key(name: str, version: int) -> bytes:
    return key("version", name, f"{version:08d}")


def job_changes(job: Job) -> Changes:
    return {
        job_key(job.pipeline, job.id): msgspec.json.encode(job),
        open_key(job): None if job.ended else b"%d" % job.number,
        number_key(job): b"",
    }


def cursor_changes(cursors: Mapping[Reading, CommitId | None]) -> Changes:
    return {
        key("cursor", *cursor): b"" if commit is None else str(commit).encode()
        for cursor, commit in cursors.items()
    }
