"""A job that goes on from the one before: datums found by what changed, output made of what changed.

What the last job of a pipeline that succeeded has computed is the *basis* of the next one, as long as input and
transform stay what they are: the new job's datums are the basis's, but for those that came and went between the two
input commits, and its output is the basis's output, but for what those wrote. Adding one file to a repo of 100,000
datums then costs one datum, and not a walk over all of them.

It is a shortcut and nothing else: its result is the same as that of enumerating and merging everything, which is what
happens whenever it does not apply (no basis, several inputs, most of the data changed, an output that does not come
apart). The basis is noted after the commit; without that note nothing is lost but time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import msgspec

from pfsfuse.pipeline import Datum, DatumChanges, Spec, find_changes, inputs, spec_json, transform_key
from pfsfuse.scheduler import output
from pfsfuse.scheduler.job import Job
from pfsfuse.scheduler.tasks import describe
from pfsfuse.worker.api import datum_pin
from store import Commit, CommitId, Entry, Store

LEAST_CHANGES = 1000
"""So many paths may change whatever the size of the basis; beyond that, a quarter of its datums."""


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What the last job that succeeded has computed."""

    specification: str
    """A hash of what decides its datums and their results: a job with another one has nothing in common with this."""
    repo: str
    commit: str
    """The input, 32 hex digits."""
    output: str
    """The output commit."""
    total: int
    """Its datums."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What a job must do on top of its basis."""

    basis: Commit
    """The output commit of the job before."""
    changes: DatumChanges
    total: int
    """The datums of the new job."""


def note_basis(store: Store, spec: Spec, job: Job) -> None:
    """Make a job that has succeeded, with every datum computed, the basis of the next one."""
    if len(job.inputs) != 1:
        return
    (given,) = job.inputs
    basis = Basis(
        specification=_hash(spec),
        repo=given.repo,
        commit=given.commit,
        output=job.id,
        total=job.total,
    )
    store.shelf("basis").put(_key(job), msgspec.json.encode(basis))


def find_growth(store: Store, spec: Spec, job: Job) -> Growth | None:
    """How `job` goes on from the one before; None when it must begin from nothing."""
    if len(job.inputs) != 1 or len(inputs(spec)) != 1:
        return None
    (given,) = job.inputs
    noted = store.shelf("basis").get(_key(job))
    if noted is None:
        return None
    basis = msgspec.json.decode(noted, type=Basis)
    if (basis.specification, basis.repo) != (_hash(spec), given.repo):
        return None
    made = store.find_commit(job.pipeline, CommitId.parse(basis.output))
    old = store.find_commit(given.repo, CommitId.parse(basis.commit))
    new = store.find_commit(given.repo, CommitId.parse(given.commit))
    if made is None or made.state != "finished" or old is None or new is None:
        return None
    at_most = max(LEAST_CHANGES, basis.total // 4)
    changed = (change.path for change in store.diff(old.tree, new.tree))
    changes = find_changes(spec, old, new, changed, at_most=at_most)
    if changes is None:
        return None
    return Growth(made, changes, basis.total - len(changes.go) + len(changes.come))


def merge_growth(store: Store, growth: Growth) -> Entry | None:
    """The basis's output with the changes; None when it must be merged anew."""
    gone, come = _layers(store, growth.changes.go), _layers(store, growth.changes.come)
    return None if gone is None or come is None else output.graft(store, growth.basis.tree, gone, come)


def _layers(store: Store, datums: tuple[Datum, ...]) -> list[output.Layer] | None:
    """Who wrote what; None when the output of one of them is no longer known."""
    layers = []
    for datum in datums:
        pin = store.pins.get(datum_pin(datum.id))
        if pin is None:
            return None
        layers.append((describe(datum), pin.tree))
    return layers


def _hash(spec: Spec) -> str:
    """Of the input and the transform, and not of how often, how long, or how many at once datums are tried."""
    given = json.dumps(spec_json(spec).get("input"), sort_keys=True).encode()
    return hashlib.blake2b(given + transform_key(spec), digest_size=16).hexdigest()


def _key(job: Job) -> bytes:
    return f"{job.pipeline}\0{job.output_branch}".encode()
