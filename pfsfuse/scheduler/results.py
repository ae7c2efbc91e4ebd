"""Which results of earlier computing a job may use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec.structs import replace

from pfsfuse.pipeline import Datum, Spec, enumerate_datums, make_datum
from pfsfuse.scheduler.deploy import spec_of
from pfsfuse.scheduler.job import Job
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.worker.api import datum_pin
from store import CommitId, Pin, Store

BATCH = 4096
"""Results adopted in one transaction."""


def spec_for(spec: Spec, job: Job) -> Spec:
    """The specification that a job is run with: with `every_job`, its datums are nobody else's."""
    return replace(spec, salt=f"{spec.salt}@{job.id}") if spec.reprocess == "every_job" else spec


def spec_of_job(store: Store, job: Job) -> Spec:
    """The specification that a job was run with, or will be. Raises JobError when its pipeline is gone."""
    ledger = Ledger(store)
    known = {each.version: each for each in ledger.versions(job.pipeline)}
    return spec_for(spec_of(known.get(job.version) or ledger.pipeline(job.pipeline)), job)


def adopt(store: Store, spec: Spec, job: Job, stands: Sequence[str]) -> None:
    """Let results of the transforms with these keys (hex) count as results of `spec`, for the datums of `job` that have
    none. Safe to repeat. Raises CommitNotFound when an input is gone."""
    if not stands:
        return
    commits = [store.commit(each.repo, CommitId.parse(each.commit)) for each in job.inputs]
    keys = [bytes.fromhex(key) for key in stands]
    found = (
        (datum_pin(datum.id), pin)
        for datum in enumerate_datums(spec, commits)
        if store.pins.get(datum_pin(datum.id)) is None
        for pin in _first(store, datum, keys)
    )
    while batch := dict(islice(found, BATCH)):
        store.pins.put_missing({name: (pin.tree, pin.note) for name, pin in batch.items()})


def _first(store: Store, datum: Datum, keys: Sequence[bytes]) -> Iterator[Pin]:
    """The result under the first of `keys` that has one; nothing when none has."""
    for key in keys:
        if (pin := store.pins.get(datum_pin(make_datum(key, datum.inputs).id))) is not None:
            yield pin
            return
