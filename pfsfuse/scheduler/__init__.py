"""When pipelines run, and what becomes of it; README.md is the map.

    plan_deployment(store, specs, update=False) -> Deployment    what it takes to have these pipelines
    deploy(store, deployment)                           carry it out, all or nothing
    create_pipeline(store, spec) -> Pipeline            both, for one
    update_pipeline(store, spec, results="default")
    delete_pipeline(store, name, keep_repo=False)
    readers(store, repo, branch) -> names               the pipelines that read it
    readable(pipelines) -> {name: spec}                 the specifications that this version can read
    stop_pipeline(store, name), start_pipeline(store, name), run_pipeline(store, name, commits)
    Ledger(store)                                       pipelines and jobs as they are on disk: list, find
    wait_for(store, commit) -> [(repo, commit id)]      everything downstream of a commit
    wait_for_job(store, job) -> Job                     one job
    stop_job(store, job), request_retry(store, job)     end a job; run one that was lost again
    run_cron(store, pipeline, spec)                     a tick of its clocks, by hand
    set_trigger(store, repo, branch, trigger), remove_trigger, triggers    branches that follow others
    preview(store, spec) -> datums                      those of a specification that is not deployed
    iter_datums(store, spec, job), find_datum           each datum of a job, and how it went
    write_as(store, name, made_ns, write)               commit to an output repo as long as it is this pipeline's
    job_logs(store, job)                                the log files of a job, one for each datum it ran

All of these are synchronous and import no event loop. What runs jobs is `scheduler.loop`, which only the
processes that schedule import.
"""

from pfsfuse.scheduler.datums import JobDatum, find_datum, iter_datums, preview
from pfsfuse.scheduler.deploy import (
    Deployment,
    create_pipeline,
    delete_pipeline,
    deploy,
    plan_deployment,
    readable,
    readers,
    spec_of,
    update_pipeline,
)
from pfsfuse.scheduler.job import DatumRun, Job, JobInput, Pipeline
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.logs import job_logs
from pfsfuse.scheduler.ownership import PipelineGone, write_as
from pfsfuse.scheduler.requests import request_retry, stop_job
from pfsfuse.scheduler.results import spec_of_job
from pfsfuse.scheduler.standing import run_pipeline, start_pipeline, stop_pipeline
from pfsfuse.scheduler.ticks import run_cron
from pfsfuse.scheduler.triggers import Following, remove_trigger, set_trigger, triggers
from pfsfuse.scheduler.wait import wait_for, wait_for_job

__all__ = [
    "DatumRun",
    "Deployment",
    "Following",
    "Job",
    "JobDatum",
    "JobInput",
    "Ledger",
    "Pipeline",
    "PipelineGone",
    "create_pipeline",
    "delete_pipeline",
    "deploy",
    "find_datum",
    "iter_datums",
    "job_logs",
    "plan_deployment",
    "preview",
    "readable",
    "readers",
    "remove_trigger",
    "request_retry",
    "run_cron",
    "run_pipeline",
    "set_trigger",
    "spec_of",
    "spec_of_job",
    "start_pipeline",
    "stop_job",
    "stop_pipeline",
    "triggers",
    "update_pipeline",
    "wait_for",
    "wait_for_job",
    "write_as",
]
