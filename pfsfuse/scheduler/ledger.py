"""Pipelines, jobs and cursors on disk: one shelf, so that what belongs together changes in one transaction.

`keys.py` has a table of all that is there.

A job and the cursors that its planning moved are written together: after a crash the arrival has either been
planned or not. Names contain no NUL (the store sees to it). Any process may read and write a ledger; only
the one that holds the scheduler lock moves cursors and runs jobs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from heapq import heapify, heappop

import msgspec

from pfsfuse.errors import JobError
from pfsfuse.scheduler import keys
from pfsfuse.scheduler.arrivals import Reading
from pfsfuse.scheduler.job import DatumRun, Job, Pipeline, Request
from store import CommitId, Conflict, Edit, Shelf, Store, names


@dataclass(frozen=True, slots=True)
class Deployed:
    """A pipeline as it shall be."""

    pipeline: Pipeline
    is_version: bool = False
    """This is a new version of it, to be kept."""
    cursors: Mapping[Reading, CommitId | None] | None = None
    """Where its inputs are now, in place of all it had; None: unchanged."""
    job: Job | None = None
    """Ordered with it."""


class Ledger:
    """The scheduler's records in a store. Holds nothing: every call reads what is there now."""

    def __init__(self, store: Store) -> None:
        self._shelf: Shelf = store.shelf(keys.SHELF)

    # ---- pipelines

    def pipelines(self) -> list[Pipeline]:
        """All of them, in name order."""
        return [
            msgspec.json.decode(value, type=Pipeline)
            for _, value in self._shelf.iter(keys.key("pipeline", ""))
        ]

    def find_pipeline(self, name: str, *, made_ns: int | None = None) -> Pipeline | None:
        """The pipeline of this name; with `made_ns`, only the one that was made then."""
        if not names.may_be_repo(name):  # its results have a repo of that name
            return None
        value = self._shelf.get(keys.key("pipeline", name))
        found = None if value is None else msgspec.json.decode(value, type=Pipeline)
        return found if found is not None and made_ns in (None, found.created_ns) else None

    def hold(self, edit: Edit, pipeline: Pipeline) -> None:
        """Let `edit` become a commit only if the pipeline is what it was then; it raises Conflict otherwise."""
        edit.expect(self._shelf, self.expected({pipeline.name: pipeline}))

    def pipeline(self, name: str) -> Pipeline:
        """Raises JobError when there is none."""
        if found := self.find_pipeline(name):
            return found
        near = get_close_matches(name, [each.name for each in self.pipelines()], n=1)
        raise JobError(
            f"there is no pipeline {name!r}",
            hint=f"did you mean {near[0]!r}?" if near else "`pfs pipeline list` shows those that exist",
        )

    def deploy(self, changes: Iterable[Deployed], expect: Mapping[str, Pipeline | None]) -> None:
        """Pipelines as they shall be from now on, all or none of them.

        Raises Conflict, and nothing has changed, unless the pipelines named in `expect` are what they were then.
        """
        written: keys.Changes = {}
        for each in changes:
            name = each.pipeline.name
            value = msgspec.json.encode(each.pipeline)
            written[keys.key("pipeline", name)] = value
            if each.is_version:
                written[keys.version_key(name, each.pipeline.version)] = value
            if each.cursors is not None:
                written |= {key: None for key, _ in self._shelf.iter(keys.key("cursor", name, ""))}
                written |= keys.cursor_changes(each.cursors)
            if expect.get(name) is None:
                written[keys.key("numbered", name)] = b""
            if each.job is not None:
                written |= keys.job_changes(each.job)
        self._shelf.update(written, expect=self.expected(expect))

    def remove_pipeline(self, name: str, *, keep_versions: bool = False) -> None:
        """Forget a pipeline with its jobs, their datums, and its cursors. With `keep_versions` it stays known what each
        commit was made with."""
        changes: keys.Changes = {keys.key("pipeline", name): None, keys.key("numbered", name): None}
        if keep_versions:
            for job in self.iter_jobs(name):
                if job.state == "success":
                    changes[keys.key("made", name, job.id)] = b"%d" % job.version
        else:
            for kind in ("version", "made"):
                changes |= {key: None for key, _ in self._shelf.iter(keys.key(kind, name, ""))}
        for kind in ("job", "open", "number", "datum", "request", "cursor"):
            changes |= {key: None for key, _ in self._shelf.iter(keys.key(kind, name, ""))}
        self._shelf.update(changes)

    def versions(self, name: str) -> list[Pipeline]:
        """Every version that a pipeline has had, oldest first."""
        found = [
            msgspec.json.decode(value, type=Pipeline)
            for _, value in self._shelf.iter(keys.key("version", name, ""))
        ]
        now = self.find_pipeline(name)
        known = {each.version for each in found}
        return (
            found if now is None or now.version in known else [*found, now]
        )  # made before versions were kept

    def note_made(self, name: str, commit: str, version: int) -> None:
        """A commit that no job made, and the version of the pipeline that did; nothing when that is known no more,
        the pipeline having been deleted with its repo."""
        for known in (keys.version_key(name, version), keys.key("pipeline", name)):
            if (value := self._shelf.get(known)) is not None:  # the latter was made before versions were kept
                with suppress(Conflict):
                    self._shelf.update(
                        {keys.key("made", name, commit): b"%d" % version}, expect={known: value}
                    )
                return

    def version_of(self, repo: str, commit: str) -> int | None:
        """The number of the version that made a commit; None when no pipeline did, or it is not known."""
        if (job := self.find_job(repo, commit)) is not None:
            return job.version
        value = self._shelf.get(keys.key("made", repo, commit))
        return None if value is None else int(value)

    def expected(self, pipelines: Mapping[str, Pipeline | None]) -> keys.Changes:
        """What is on disk of pipelines that must be as they were. Raises Conflict when they are not any more.

        Their bytes are not asked for: another version may write the same pipeline with fewer fields, or more.
        """
        found: keys.Changes = {}
        for name, each in pipelines.items():
            key = keys.key("pipeline", name)
            value = found[key] = self._shelf.get(key)
            if (None if value is None else msgspec.json.decode(value, type=Pipeline)) != each:
                raise Conflict(f"pipeline {name} was changed by another process meanwhile")
        return found

    # ---- jobs

    def iter_jobs(self, pipeline: str | None = None) -> Iterator[Job]:
        """The jobs of one pipeline, or of all; in no useful order."""
        prefix = keys.key("job", "") if pipeline is None else keys.key("job", pipeline, "")
        for _, value in self._shelf.iter(prefix):
            yield msgspec.json.decode(value, type=Job)

    def open_jobs(self, pipeline: str | None = None) -> list[Job]:
        """Every job that has not ended, of one pipeline or of all. Costs what is open, however long the history is."""
        found = []
        for key, _ in self._shelf.iter(keys.key("open", *(("",) if pipeline is None else (pipeline, "")))):
            _, of, id = key.decode().split("\0")
            if job := self.find_job(of, id):
                found.append(job)
        return found

    def first_open_jobs(self) -> list[Job]:
        """Of each pipeline the first job that has not ended. Others are not looked at, however many wait behind it."""
        waiting: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for key, value in self._shelf.iter(keys.key("open", "")):
            _, pipeline, id = key.decode().split("\0")
            waiting[pipeline].append((int(value) if value else self._number_of(pipeline, id), id))
        found = []
        for pipeline, jobs in waiting.items():
            heapify(jobs)
            while (
                jobs
            ):  # more than once when it ended just now, or its record was lost, which must hold up no other
                job = self.find_job(pipeline, heappop(jobs)[1])
                if job is not None and not job.ended:
                    found.append(job)
                    break
        return found

    def newest_first(self, pipeline: str) -> Iterator[Job]:
        """The jobs of a pipeline in falling order of their numbers, each read when it is asked for."""
        if self._shelf.get(keys.key("numbered", pipeline)) is None:
            yield from sorted(self.iter_jobs(pipeline), key=lambda job: job.number, reverse=True)
            return
        last = self._shelf.last(keys.key("number", pipeline, ""))
        for number in range(keys.number_in(last[0]) if last is not None else 0, 0, -1):
            for key, _ in self._shelf.iter(keys.key("number", pipeline, f"{number:010d}", "")):
                if (job := self.find_job(pipeline, key.decode().rpartition("\0")[2])) is not None:
                    yield job

    def jobs(self, pipeline: str | None = None) -> list[Job]:
        """The jobs of one pipeline, or of all, newest first."""
        return sorted(
            self.iter_jobs(pipeline), key=lambda job: (job.created_ns, job.number, job.pipeline), reverse=True
        )

    def find_job(self, pipeline: str, id: str) -> Job | None:
        value = self._shelf.get(keys.job_key(pipeline, id))
        return None if value is None else msgspec.json.decode(value, type=Job)

    def job(self, pipeline: str, id: str) -> Job:
        """The job whose id starts with `id`. Raises JobError when there is none, or more than one."""
        found = list(self._shelf.iter(keys.job_key(pipeline, id)))
        if len(found) == 1:
            return msgspec.json.decode(found[0][1], type=Job)
        raise JobError(
            f"pipeline {pipeline!r} has {'no job' if not found else f'{len(found)} jobs'} {id!r}",
            hint=f"`pfs job list {pipeline}` shows its jobs",
        )

    def _number_of(self, pipeline: str, id: str) -> int:
        job = self.find_job(pipeline, id)
        return 0 if job is None else job.number

    def put_job(self, job: Job, runs: Iterable[DatumRun] = (), *, made_ns: int | None = None) -> bool:
        """Record a job as it is now, and datums that it has run; False, and nothing changed, when its pipeline is gone:
        also when another of its name, not made at `made_ns`, has taken its place."""
        changes = keys.job_changes(job)
        for run in runs:
            changes[keys.key("datum", job.pipeline, job.id, run.datum)] = msgspec.json.encode(run)
        while (pipeline := self.find_pipeline(job.pipeline, made_ns=made_ns)) is not None:
            with suppress(Conflict):  # it was updated, or deleted, since we looked
                self._shelf.update(changes, expect=self.expected({job.pipeline: pipeline}))
                return True
        return False

    def datum_runs(self, job: Job, datum: str = "") -> dict[str, DatumRun]:
        """The datums that a job has run, those whose id starts with `datum`, by id."""
        runs = {}
        for start in (datum,) if datum else "0123456789abcdef":  # few are held as they are on disk, too
            for _, value in self._shelf.iter(keys.key("datum", job.pipeline, job.id, start)):
                run = msgspec.json.decode(value, type=DatumRun)
                runs[run.datum] = run
        return runs

    # ---- requests

    def requests(self) -> list[Request]:
        """Those that have not been carried out."""
        found = self._shelf.iter(keys.key("request", ""))
        return [msgspec.json.decode(value, type=Request) for _, value in found]

    def put_request(self, request: Request) -> None:
        """Ask for something; it takes the place of what was asked of the same job before."""
        self._shelf.put(keys.request_key(request), msgspec.json.encode(request))

    def put_request_once(self, request: Request) -> Request:
        """Ask for something, unless that was asked of the same job already; what was asked first."""
        key, value = keys.request_key(request), msgspec.json.encode(request)
        while True:
            known = self._shelf.get(key)
            found = None if known is None else msgspec.json.decode(known, type=Request)
            if found is not None and found.kind == request.kind:
                return found
            with suppress(Conflict):  # somebody else asked just now, or it was carried out
                self._shelf.update({key: value}, expect={key: known})
                return request

    # ---- planning

    def cursors(self) -> dict[Reading, CommitId | None]:
        """Where planning stands on each input of each pipeline."""
        found: dict[Reading, CommitId | None] = {}
        for key, value in self._shelf.iter(keys.key("cursor", "")):
            _, pipeline, repo, branch = key.decode().split("\0")
            found[pipeline, repo, branch] = CommitId.parse(value.decode()) if value else None
        return found

    def apply(
        self,
        jobs: Iterable[Job],
        cursors: Mapping[Reading, CommitId | None],
        answered: Iterable[Request] = (),
        *,
        expect: Mapping[str, Pipeline | None] | None = None,
    ) -> None:
        """Jobs, the cursors that their planning moved, and requests that have been carried out.

        Raises Conflict, and nothing has changed, unless the pipelines named in `expect` are what they were then.
        """
        changes = keys.cursor_changes(cursors)
        for request in answered:
            changes[keys.request_key(request)] = None
        for job in jobs:
            changes |= keys.job_changes(job)
        self._shelf.update(changes, expect=self.expected(expect or {}))
