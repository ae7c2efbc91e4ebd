"""Pipelines, jobs and cursors on disk: one shelf, so that what belongs together changes in one transaction.

    key                                          value
    pipeline \\0 <name>                           Pipeline as JSON
    job      \\0 <pipeline> \\0 <job id>           Job as JSON
    open     \\0 <pipeline> \\0 <job id>           nothing; there as long as the job has not ended
    datum    \\0 <pipeline> \\0 <job id> \\0 <datum>  DatumRun as JSON, of datums that the job has run
    request  \\0 <pipeline> \\0 <job id>           Request as JSON, until it has been carried out
    cursor   \\0 <pipeline> \\0 <repo> \\0 <branch>  the last commit (32 hex digits) whose arrival on that
                                                 input has been planned; empty when the branch had none

A job and the cursors that its planning moved are written together: after a crash the arrival has either been
planned or not. Names contain no NUL (the store sees to it). Any process may read and write a ledger; only
the one that holds the scheduler lock moves cursors and runs jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from pfsfuse.errors import JobError
from pfsfuse.scheduler.job import DatumRun, Job, Pipeline, Request
from pfsfuse.scheduler.plan import Reading
from store import CommitId, Shelf, Store

Changes = dict[bytes, bytes | None]
"""What a shelf's `update` takes: None deletes the key."""


class Ledger:
    """The scheduler's records in a store. Holds nothing: every call reads what is there now."""

    def __init__(self, store: Store) -> None:
        self._shelf: Shelf = store.shelf("scheduler")

    # ---- pipelines

    def pipelines(self) -> list[Pipeline]:
        """All of them, in name order."""
        return [
            msgspec.json.decode(value, type=Pipeline) for _, value in self._shelf.iter(_key("pipeline", ""))
        ]

    def find_pipeline(self, name: str) -> Pipeline | None:
        value = self._shelf.get(_key("pipeline", name))
        return None if value is None else msgspec.json.decode(value, type=Pipeline)

    def pipeline(self, name: str) -> Pipeline:
        """Raises JobError when there is none."""
        if found := self.find_pipeline(name):
            return found
        raise JobError(f"there is no pipeline {name!r}", hint="`pfs pipeline list` shows those that exist")

    def add_pipeline(
        self, pipeline: Pipeline, cursors: Mapping[Reading, CommitId | None], job: Job | None
    ) -> None:
        """A new pipeline, where its inputs are now, and its first job."""
        changes: Changes = {_key("pipeline", pipeline.name): msgspec.json.encode(pipeline)}
        changes |= _cursor_changes(cursors)
        if job is not None:
            changes |= _job_changes(job)
        self._shelf.update(changes)

    def remove_pipeline(self, name: str) -> None:
        """Forget a pipeline with its jobs, their datums, and its cursors."""
        changes: Changes = {_key("pipeline", name): None}
        for kind in ("job", "open", "datum", "request", "cursor"):
            changes |= {key: None for key, _ in self._shelf.iter(_key(kind, name, ""))}
        self._shelf.update(changes)

    # ---- jobs

    def iter_jobs(self, pipeline: str | None = None) -> Iterator[Job]:
        """The jobs of one pipeline, or of all; in no useful order."""
        prefix = _key("job", "") if pipeline is None else _key("job", pipeline, "")
        for _, value in self._shelf.iter(prefix):
            yield msgspec.json.decode(value, type=Job)

    def open_jobs(self) -> list[Job]:
        """Every job that has not ended. Costs what is open, however long the history is."""
        found = []
        for key, _ in self._shelf.iter(_key("open", "")):
            _, pipeline, id = key.decode().split("\0")
            if job := self.find_job(pipeline, id):
                found.append(job)
        return found

    def jobs(self, pipeline: str | None = None) -> list[Job]:
        """The jobs of one pipeline, or of all, newest first."""
        return sorted(
            self.iter_jobs(pipeline), key=lambda job: (job.created_ns, job.number, job.pipeline), reverse=True
        )

    def find_job(self, pipeline: str, id: str) -> Job | None:
        value = self._shelf.get(_job_key(pipeline, id))
        return None if value is None else msgspec.json.decode(value, type=Job)

    def job(self, pipeline: str, id: str) -> Job:
        """The job whose id starts with `id`. Raises JobError when there is none, or more than one."""
        found = list(self._shelf.iter(_job_key(pipeline, id)))
        if len(found) == 1:
            return msgspec.json.decode(found[0][1], type=Job)
        raise JobError(
            f"pipeline {pipeline!r} has {'no job' if not found else f'{len(found)} jobs'} {id!r}",
            hint=f"`pfs job list {pipeline}` shows its jobs",
        )

    def put_job(self, job: Job, runs: Iterable[DatumRun] = ()) -> bool:
        """Record a job as it is now, and datums that it has run; False, and nothing changed, when its pipeline is
        gone."""
        if self.find_pipeline(job.pipeline) is None:
            return False
        changes = _job_changes(job)
        for run in runs:
            changes[_key("datum", job.pipeline, job.id, run.datum)] = msgspec.json.encode(run)
        self._shelf.update(changes)
        return True

    def datum_runs(self, job: Job, datum: str = "") -> dict[str, DatumRun]:
        """The datums that a job has run, those whose id starts with `datum`, by id."""
        found = self._shelf.iter(_key("datum", job.pipeline, job.id, datum))
        runs = (msgspec.json.decode(value, type=DatumRun) for _, value in found)
        return {run.datum: run for run in runs}

    # ---- requests

    def requests(self) -> list[Request]:
        """Those that have not been carried out."""
        found = self._shelf.iter(_key("request", ""))
        return [msgspec.json.decode(value, type=Request) for _, value in found]

    def put_request(self, request: Request) -> None:
        """Ask for something; it takes the place of what was asked of the same job before."""
        self._shelf.put(_request_key(request), msgspec.json.encode(request))

    # ---- planning

    def cursors(self) -> dict[Reading, CommitId | None]:
        """Where planning stands on each input of each pipeline."""
        found: dict[Reading, CommitId | None] = {}
        for key, value in self._shelf.iter(_key("cursor", "")):
            _, pipeline, repo, branch = key.decode().split("\0")
            found[pipeline, repo, branch] = CommitId.parse(value.decode()) if value else None
        return found

    def apply(
        self,
        jobs: Iterable[Job],
        cursors: Mapping[Reading, CommitId | None],
        answered: Iterable[Request] = (),
    ) -> None:
        """Jobs, the cursors that their planning moved, and requests that have been carried out."""
        changes = _cursor_changes(cursors)
        for request in answered:
            changes[_request_key(request)] = None
        for job in jobs:
            changes |= _job_changes(job)
        self._shelf.update(changes)


def _key(*parts: str) -> bytes:
    return "\0".join(parts).encode()


def _job_key(pipeline: str, id: str) -> bytes:
    return _key("job", pipeline, id)


def _request_key(request: Request) -> bytes:
    return _key("request", request.pipeline, request.job)


def _job_changes(job: Job) -> Changes:
    return {
        _job_key(job.pipeline, job.id): msgspec.json.encode(job),
        _key("open", job.pipeline, job.id): None if job.ended else b"",
    }


def _cursor_changes(cursors: Mapping[Reading, CommitId | None]) -> Changes:
    return {
        _key("cursor", *cursor): b"" if commit is None else str(commit).encode()
        for cursor, commit in cursors.items()
    }
