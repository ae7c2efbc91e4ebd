"""What the ledger knows: pipelines, and their jobs.

    created ──→ running ──→ success
       │           ├──────→ failed        a datum failed, or the outputs do not fit together
       │           └──────→ killed        stopped by somebody, or longer than its job_timeout
       ├──────────────────→ killed        stopped before it ran
       └──────────────────→ unrunnable    never run: an upstream job did not succeed, or a retry came too late

A job that was running when its scheduler died is still `running` in the ledger; the next scheduler runs it
again, and datums that were pinned are not computed again.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

State = Literal["created", "running", "egressing", "success", "failed", "killed", "unrunnable"]
"""Of a job."""

WORDS = {"failed": "failed", "killed": "was killed", "unrunnable": "could not be run"}
"""How a job was lost, in a sentence."""

ENDS = frozenset({"success", "failed", "killed", "unrunnable"})
"""States that a job does not leave by itself."""


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A standing order as it was given: one version of a pipeline."""

    name: str
    spec: dict[str, Any]
    """The canonical JSON form (`pipeline.spec_json`)."""
    created_ns: int
    """When its first version was made."""
    version: int = 1
    updated_ns: int = 0
    """When this version was made; 0 for the first."""
    since_ns: int = 0
    """From then on its jobs are planned together with those upstream: made, updated or started; 0: `created_ns`."""
    oldest: int = 1
    """Jobs of versions before this one that have not ended are ended, not run."""
    paused: bool = False
    """Stopped by somebody: nothing is planned, nothing runs."""
    stands: tuple[str, ...] = ()
    """Keys (`transform_key`, hex) of earlier versions whose results count as this one's; the latest first."""

    @property
    def plans_since_ns(self) -> int:
        return self.since_ns or self.created_ns


def overtaken_by(pipeline: Pipeline) -> str:
    """Why a job of an earlier version was ended."""
    return f"the pipeline was updated to version {pipeline.version}"


class JobInput(msgspec.Struct, frozen=True, kw_only=True):
    """The exact commit that one of the spec's inputs means in one job."""

    name: str
    repo: str
    branch: str
    commit: str
    """32 hex digits. The commit of an upstream pipeline's job may not exist yet."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The commit whose arrival on a branch set a job going, perhaps through jobs further upstream."""

    repo: str
    branch: str
    commit: str
    """32 hex digits."""
    finished_ns: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a pipeline on exact commits."""

    pipeline: str
    id: str
    """32 hex digits; also the id of the output commit. The cause's id, unless that one was taken."""
    output_branch: str
    inputs: tuple[JobInput, ...]
    """In the spec's order."""
    cause: Cause
    number: int
    """1 for the pipeline's first job. Jobs of a pipeline run in this order; a retry that came too late, and is not run,
    comes just behind the job that it was to repeat, at first with the same number."""
    state: State = "created"
    version: int = 1
    """Of the pipeline, when the job was planned."""
    alone: bool = False
    """Ordered for this pipeline only: what is downstream of it runs when its output arrives."""
    created_ns: int
    started_ns: int | None = None
    finished_ns: int | None = None
    total: int = 0
    """Datums in the job; 0 until they have been enumerated."""
    done: int = 0
    """Datums that this job has computed, with success."""
    skipped: int = 0
    """Datums whose result was known before."""
    failed: int = 0
    """Datums of which no attempt succeeded."""
    recovered: int = 0
    """Datums that failed, and whose `err_cmd` succeeded: they have no output, and run again in the next job."""
    seconds: float = 0.0
    """What the attempts of its datums took, added up."""
    read_bytes: int = 0
    """The files that the datums it ran were shown, added up."""
    written_bytes: int = 0
    """What the datums it computed have written."""
    restarts: int = 0
    """How often it was taken up again after the process that ran it had died."""
    reason: str = ""
    """Why it did not succeed; of a success with nothing to do, that there was nothing."""

    @property
    def ended(self) -> bool:
        return self.state in ENDS

    @property
    def lost(self) -> bool:
        """Whether it ended without a result."""
        return self.ended and self.state != "success"

    @property
    def output(self) -> tuple[str, str]:
        """The repo and the commit id (hex) that hold the result once the job has succeeded."""
        return self.pipeline, self.id

    def reads(self, repo: str, commit: str) -> bool:
        """Whether this commit is one of the inputs."""
        return any(each.repo == repo and each.commit == commit for each in self.inputs)


DatumState = Literal["success", "skipped", "failed", "recovered", "waiting"]
"""Of a datum in a job: computed by it; known before; no attempt succeeded; `err_cmd` succeeded; not run (yet)."""


class DatumRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the datum of a job that ran it went."""

    datum: str
    """64 hex digits."""
    state: Literal["success", "failed", "recovered"]
    attempts: int = 1
    exit_code: int | None = None
    """Of the last attempt; None when its command was not started, or had to be killed."""
    reason: str = ""
    """Why the last attempt failed, and the end of its log."""
    seconds: float = 0.0
    """What the attempts took."""
    files: int = 0
    read_bytes: int = 0
    """The files it was shown."""
    written_bytes: int = 0
    """Of its output; nothing is kept of what did not succeed."""
    finished_ns: int = 0


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody wants of a job. Only the process that schedules changes jobs, and carries requests out."""

    pipeline: str
    job: str
    """32 hex digits."""
    kind: Literal["stop", "retry"]
    reason: str = ""
    """Of a stop: what the job's record will say."""
    id: str = ""
    """Of a retry: the id of the job that it makes, 32 hex digits."""
