"""When pipelines run, and what becomes of it; README.md is the map.

    create_pipeline(store, spec) -> Pipeline            make it, and its first job when there is data
    delete_pipeline(store, name, keep_repo=False)
    Ledger(store)                                       pipelines and jobs as they are on disk: list, find
    wait_for(store, commit) -> [(repo, commit id)]      everything downstream of a commit
    job_logs(store, job)                                the log files of a job, one for each datum it ran

All of these are synchronous and import no event loop. What runs jobs is `scheduler.loop`, which only the
processes that schedule import.
"""

from pfsfuse.scheduler.deploy import create_pipeline, delete_pipeline
from pfsfuse.scheduler.job import Job, JobInput, Pipeline
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.logs import job_logs
from pfsfuse.scheduler.wait import wait_for

__all__ = [
    "Job",
    "JobInput",
    "Ledger",
    "Pipeline",
    "create_pipeline",
    "delete_pipeline",
    "job_logs",
    "wait_for",
]
