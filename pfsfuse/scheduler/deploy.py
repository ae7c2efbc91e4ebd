"""Making and deleting pipelines. Synchronous: the command line calls these, whether or not anybody
schedules."""

from __future__ import annotations

import json
import time

from pfsfuse.errors import JobError, SpecError
from pfsfuse.pipeline import Spec, check_acyclic, inputs, parse_specs, spec_json
from pfsfuse.scheduler.history import StoreHistory
from pfsfuse.scheduler.job import Pipeline
from pfsfuse.scheduler.ledger import Ledger
from pfsfuse.scheduler.plan import first_job
from store import Exists, RefNotFound, Store

ORIGIN = "pipeline"


def spec_of(pipeline: Pipeline) -> Spec:
    """The checked specification of a recorded pipeline."""
    (spec,) = parse_specs(json.dumps(pipeline.spec), source=f"pipeline {pipeline.name}")
    return spec


def create_pipeline(store: Store, spec: Spec, *, now_ns: int | None = None) -> Pipeline:
    """Record a pipeline, make its output repo, and order its first job if every input has a commit.

    From here on each commit that arrives on an input branch causes a job, also while nobody schedules. Raises
    SpecError for a service or a cycle, Exists when the name is taken, RepoNotFound or RefNotFound for an
    input that is not there; nothing has changed then. A repo left by a deleted pipeline of the same name is
    written on.
    """
    if spec.service is not None:
        raise SpecError(f"{spec.name} is a service", hint="`pfs service create` starts it")
    now_ns = time.time_ns() if now_ns is None else now_ns
    ledger = Ledger(store)
    specs = {each.name: spec_of(each) for each in ledger.pipelines()}
    if spec.name in specs:
        raise Exists("pipeline", spec.name)
    check_acyclic({**specs, spec.name: spec})
    for leaf in inputs(spec):
        _require_branch(store, leaf.repo, leaf.branch, specs)
    output = store.find_repo(spec.name)
    if output is not None and output.origin != ORIGIN:
        raise Exists("repo", spec.name)
    history = StoreHistory(store)
    heads = [history.head(leaf.repo, leaf.branch) for leaf in inputs(spec)]
    if output is None:
        store.create_repo(spec.name, description=spec.description, origin=ORIGIN)
    pipeline = Pipeline(name=spec.name, spec=spec_json(spec), created_ns=now_ns)
    cursors = {
        (spec.name, leaf.repo, leaf.branch): None if head is None else head.commit
        for leaf, head in zip(inputs(spec), heads, strict=True)
    }
    job = first_job(spec, heads, now_ns=now_ns, taken=lambda id: history.has(spec.name, id))
    ledger.add_pipeline(pipeline, cursors, job)
    return pipeline


def delete_pipeline(store: Store, name: str, *, keep_repo: bool = False) -> None:
    """Forget a pipeline and its jobs, stop what runs, and delete its output repo unless that is to be kept.

    Raises JobError when there is no such pipeline, or others read what it writes (nothing has changed then).
    """
    ledger = Ledger(store)
    ledger.pipeline(name)
    readers = [
        each.name
        for each in ledger.pipelines()
        if each.name != name and any(leaf.repo == name for leaf in inputs(spec_of(each)))
    ]
    if readers:
        raise JobError(
            f"pipeline {name!r} is read by {', '.join(readers)}",
            hint=f"delete first: `pfs pipeline delete {readers[0]}`",
        )
    ledger.remove_pipeline(name)
    if not keep_repo and store.find_repo(name) is not None:
        store.delete_repo(name)


def _require_branch(store: Store, repo: str, branch: str, specs: dict[str, Spec]) -> None:
    found = store.repo(repo)
    will_be = branch == found.default_branch or (repo in specs and specs[repo].output_branch == branch)
    if not will_be and found.find_branch(branch) is None:
        raise RefNotFound(repo, branch, known=[each.name for each in found.branches()])
