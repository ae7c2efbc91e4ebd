"""Which results of earlier computing a job may use."""

from __future__ import annotations

from msgspec.structs import replace

from pfsfuse.pipeline import Spec
from pfsfuse.scheduler.deploy import spec_of
from pfsfuse.scheduler.job import Job
from pfsfuse.scheduler.ledger import Ledger
from store import Store


def spec_for(spec: Spec, job: Job) -> Spec:
    """The specification that a job is run with: with `every_job`, its datums are nobody else's."""
    return replace(spec, salt=f"{spec.salt}@{job.id}") if spec.reprocess == "every_job" else spec


def spec_of_job(store: Store, job: Job) -> Spec:
    """The specification that a job was run with, or will be. Raises JobError when its pipeline is gone."""
    ledger = Ledger(store)
    known = {each.version: each for each in ledger.versions(job.pipeline)}
    return spec_for(spec_of(known.get(job.version) or ledger.pipeline(job.pipeline)), job)
