"""Where to read what a job's commands printed."""

from __future__ import annotations

from pathlib import Path

from pfsfuse.scheduler.job import Job
from pfsfuse.worker.logfile import job_log_directory
from store import Store


def job_logs(store: Store, job: Job) -> list[Path]:
    """The log of each datum that this job ran, named `<datum id>.log`, oldest first; none for skipped
    datums."""
    directory = job_log_directory(store.path, job.pipeline, job.id)
    return sorted(directory.glob("*.log"), key=lambda path: (path.stat().st_mtime_ns, path.name))
