"""When pipelines run, and what becomes of it; README.md is the map.

    create_pipeline(store, spec) -> Pipeline            make it, and its first job when there is data
    delete_pipeline(store, name, keep_repo=False)
    Ledger(store)                                       pipelines and jobs as they are on disk: list, find
    wait_for(store, commit) -> [(repo, commit id)]      everything downstream of a commit
    stop_job(store, job), request_retry(store, job)     end a job; run one that was lost again
    iter_datums(store, spec, job), find_datum           each datum of a job, and how it went
    job_logs(store, job)                                the log files of a job, one for each datum it ran

All of these are synchronous and import no event loop. What runs jobs is `scheduler.loop`, which only the
processes that schedule import.
"""

from pfsfuse.scheduler.datums import JobDatum, find_datum, iter_datums
from pfsfuse.scheduler.deploy import create_pipeline, delete_pipeline, spec_of
from pfsfuse.scheduler.job import DatumRun, Job, JobInput, Pipeline
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.logs import job_logs
from pfsfuse.scheduler.requests import request_retry, stop_job
from pfsfuse.scheduler.wait import wait_for

__all__ = [
    "DatumRun",
    "Job",
    "JobDatum",
    "JobInput",
    "Ledger",
    "Pipeline",
    "create_pipeline",
    "delete_pipeline",
    "find_datum",
    "iter_datums",
    "job_logs",
    "request_retry",
    "spec_of",
    "stop_job",
    "wait_for",
]
