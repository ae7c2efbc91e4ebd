"""What the ledger knows: pipelines, and their jobs.

    created ──→ running ──→ success
       │           └──────→ failed
       └──────────────────→ failed        (an upstream job failed: never run)

A job that was running when its scheduler died is still `running` in the ledger; the next scheduler runs it
again, and datums that were pinned are not computed again.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

State = Literal["created", "running", "success", "failed"]


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A standing order as it was given."""

    name: str
    spec: dict[str, Any]
    """The canonical JSON form (`pipeline.spec_json`)."""
    created_ns: int
    version: int = 1


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
    """1 for the pipeline's first job. Jobs of a pipeline run in this order."""
    state: State = "created"
    created_ns: int
    started_ns: int | None = None
    finished_ns: int | None = None
    total: int = 0
    """Datums in the job; 0 until they have been enumerated."""
    done: int = 0
    """Datums computed by this job, by this scheduler."""
    skipped: int = 0
    """Datums whose result was known before."""
    failed: int = 0
    reason: str = ""
    """Why it failed; of a success with nothing to do, that there was nothing."""

    @property
    def ended(self) -> bool:
        return self.state in ("success", "failed")

    @property
    def output(self) -> tuple[str, str]:
        """The repo and the commit id (hex) that hold the result once the job has succeeded."""
        return self.pipeline, self.id

    def reads(self, repo: str, commit: str) -> bool:
        """Whether this commit is one of the inputs."""
        return any(each.repo == repo and each.commit == commit for each in self.inputs)
