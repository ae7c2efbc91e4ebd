"""Making, updating and deleting pipelines: a plan first, which can be printed, then all of it or nothing.

Synchronous: the command line calls these, whether or not anybody schedules.

**An update** is a new version. Jobs of earlier versions that have not ended are ended by whoever schedules, with the
reason; what their datums have computed is kept. One job is ordered on what the inputs hold now: it stands for
everything that arrived before. Only a new description changes nothing else.

**What counts as computed.** A datum's identity has the transform, the salt and the inputs in it. So an update that
leaves the transform alone computes nothing again, and one that changes it computes everything. `reprocess` changes
the salt: nothing that was computed before counts. `keep` says that the earlier results stand although the transform is
another: they are adopted when a job meets them, under a salt of this pipeline's own, so that no other pipeline takes
them for what the new transform would have given.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from pfsfuse import egress
from pfsfuse.errors import JobError, SpecError
from pfsfuse.pipeline import (
    Leaf,
    PfsInput,
    Spec,
    check_acyclic,
    followed_branch,
    inputs,
    parse_specs,
    spec_json,
    topological_order,
    transform_key,
)
from pfsfuse.scheduler.arrivals import Arrival, Reading
from pfsfuse.scheduler.history import StoreHistory
from pfsfuse.scheduler.inlets import check_inlets, make_inlets, remove_inlets
from pfsfuse.scheduler.job import Job, Pipeline
from pfsfuse.scheduler.ledger import Deployed, Ledger
from pfsfuse.scheduler.logs import remove_logs
from pfsfuse.scheduler.plan import first_job
from store import CommitId, Exists, InUse, RefNotFound, Repo, Store, names

ORIGIN = "pipeline"

Results = Literal["default", "reprocess", "keep"]
"""Which earlier results count after an update."""


class PipelineExists(Exists):
    """The name is taken by a pipeline."""

    def __init__(self, name: str) -> None:
        super().__init__("pipeline", name)

    def hint(self) -> str:
        return "`pfs pipeline update -f FILE` makes it what the file says"


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one pipeline."""

    verb: Literal["create", "update", "leave"]
    spec: Spec
    """As it will be kept: with its salt."""
    deployed: Deployed | None
    """None when nothing changes."""
    ended: tuple[Job, ...] = ()
    """Jobs that have not ended, and are ended by this."""
    remarks: tuple[str, ...] = ()
    """What follows from it, for people."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What deploying some specifications would do."""

    steps: tuple[Step, ...]
    """Inputs before what reads them."""
    before: Mapping[str, Pipeline | None]
    """The pipelines that were looked at; deploying raises Conflict unless they are still so."""


def spec_of(pipeline: Pipeline) -> Spec:
    """The checked specification of a recorded pipeline."""
    (spec,) = parse_specs(json.dumps(pipeline.spec), source=f"pipeline {pipeline.name}")
    return spec


def readable(pipelines: Iterable[Pipeline]) -> dict[str, Spec]:
    """Their specifications by name, without those that this version cannot read (a later one has written them). Such a
    pipeline runs nothing, and stands in nobody's way: it can be updated and deleted."""
    found = {}
    for each in pipelines:
        with suppress(SpecError):
            found[each.name] = spec_of(each)
    return found


def plan_deployment(
    store: Store,
    specs: Sequence[Spec],
    *,
    update: bool = False,
    results: Results = "default",
    now_ns: int | None = None,
) -> Deployment:
    """What it takes to have these pipelines; changes nothing. With `update` those that exist are updated.

    Raises SpecError for a service or a cycle, Exists when a name is taken, RepoNotFound or RefNotFound for an
    input that is not there and that none of them makes.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    ledger = Ledger(store)
    before = {each.name: each for each in ledger.pipelines()}
    wanted = {spec.name: spec for spec in specs}
    for spec in specs:
        if spec.service is not None:
            raise SpecError(f"{spec.name} is a service", hint="`pfs service create -f FILE` starts it")
        if spec.egress is not None:
            egress.require(spec.egress, name=spec.name)
        if spec.name in before and not update:
            raise PipelineExists(spec.name)
    will_be = readable(before.values()) | wanted
    check_acyclic(will_be)
    for spec in specs:
        check_inlets(store, spec)
        for leaf in inputs(spec):
            if isinstance(leaf, PfsInput):
                _require_branch(store, leaf.repo, followed_branch(leaf), will_be)
        output = store.find_repo(spec.name)
        if output is not None:
            _require_output(ledger, output)
        made = output is None or output.find_branch(spec.output_branch) is None
        names.branch(spec.output_branch, new=made)
    history = StoreHistory(store)
    steps = [
        _update(ledger, history, before[name], wanted[name], results, now_ns)
        if name in before
        else _create(ledger, history, wanted[name], now_ns)
        for name in topological_order(wanted)
    ]
    return Deployment(tuple(steps), {**dict.fromkeys(wanted), **before})


def deploy(store: Store, deployment: Deployment) -> None:
    """Carry it out: all of it, or nothing. Output repos that are missing are made first, and stay when the rest fails.

    From here on each commit that arrives on an input branch causes a job, also while nobody schedules. A repo
    left by a deleted pipeline of the same name is its own again, and written on.
    """
    for step in deployment.steps:
        output = store.find_repo(step.spec.name)
        if output is None and step.verb == "create":
            store.create_repo(step.spec.name, description=step.spec.description, origin=ORIGIN)
        elif output is not None and output.origin != ORIGIN:
            store.hand_over(step.spec.name, ORIGIN)
    for step in deployment.steps:
        if step.deployed is not None:
            make_inlets(store, step.spec, now_ns=step.deployed.pipeline.plans_since_ns)
    changes = [step.deployed for step in deployment.steps if step.deployed is not None]
    Ledger(store).deploy(changes, deployment.before)


def create_pipeline(store: Store, spec: Spec, *, now_ns: int | None = None) -> Pipeline:
    """Plan and deploy one new pipeline; its record."""
    plan = plan_deployment(store, [spec], now_ns=now_ns)
    deploy(store, plan)
    (step,) = plan.steps
    assert step.deployed is not None  # it is created
    return step.deployed.pipeline


def update_pipeline(
    store: Store, spec: Spec, *, results: Results = "default", now_ns: int | None = None
) -> Pipeline:
    """Plan and deploy another version of a pipeline; its record as it is now."""
    deploy(store, plan_deployment(store, [spec], update=True, results=results, now_ns=now_ns))
    return Ledger(store).pipeline(spec.name)


def delete_pipeline(store: Store, name: str, *, keep_repo: bool = False, force: bool = False) -> None:
    """Forget a pipeline, its jobs and their logs, stop what runs, and delete its output repo unless that is to be kept.

    A repo that is kept is people's from then on: they may edit it, and a pipeline made again under the name takes it
    back. Raises JobError when there is no such pipeline, or others read what it writes (nothing has changed then),
    unless `force`: those then have an input to which nothing comes any more.
    """
    ledger = Ledger(store)
    spec = readable([ledger.pipeline(name)]).get(name)
    found = [each for each in readers(store, name) if each != name]
    if found and not force:
        raise JobError(
            f"pipeline {name!r} is read by {', '.join(found)}",
            hint=f"delete first: `pfs pipeline delete {found[0]}`, or use --force",
        )
    if keep_repo and store.find_repo(name) is not None:
        store.hand_over(
            name, "user"
        )  # before the pipeline is gone, so that a crash between leaves one to delete
    ledger.remove_pipeline(name, keep_versions=keep_repo)
    remove_inlets(store, name, spec)
    remove_logs(store, name)
    if not keep_repo and store.find_repo(name) is not None:
        store.delete_repo(name)


def readers(store: Store, repo: str, branch: str | None = None) -> list[str]:
    """The pipelines that read a repo, or one branch of it (None: any): as it is, or as what a trigger follows."""

    def reads(leaf: Leaf) -> bool:
        known = (leaf.branch, followed_branch(leaf)) if isinstance(leaf, PfsInput) else (leaf.branch,)
        return leaf.repo == repo and (branch is None or branch in known)

    specs = readable(Ledger(store).pipelines())
    return [name for name, spec in specs.items() if any(map(reads, inputs(spec)))]


def order_job(
    ledger: Ledger, history: StoreHistory, spec: Spec, version: int, *, now_ns: int
) -> tuple[Job | None, dict[Reading, CommitId | None]]:
    """The job of a pipeline on what its inputs hold now (None when one of them holds nothing), and where they are."""
    heads = [history.head(leaf.repo, leaf.branch) for leaf in inputs(spec)]
    job = job_on(ledger, history, spec, version, heads, now_ns=now_ns)
    cursors = {
        (spec.name, leaf.repo, leaf.branch): None if head is None else head.commit
        for leaf, head in zip(inputs(spec), heads, strict=True)
    }
    return job, cursors


def job_on(
    ledger: Ledger,
    history: StoreHistory,
    spec: Spec,
    version: int,
    commits: Sequence[Arrival | None],
    *,
    now_ns: int,
) -> Job | None:
    """The job of a pipeline on these commits, in the spec's order, after all the jobs it has."""
    newest = next(ledger.newest_first(spec.name), None)
    return first_job(
        spec,
        commits,
        now_ns=now_ns,
        taken=lambda id: ledger.find_job(spec.name, str(id)) is not None or history.has(spec.name, id),
        number=1 if newest is None else newest.number + 1,
        version=version,
    )


def _create(ledger: Ledger, history: StoreHistory, spec: Spec, now_ns: int) -> Step:
    earlier = ledger.versions(spec.name)  # of a deleted pipeline whose repo was kept
    version = earlier[-1].version + 1 if earlier else 1
    job, cursors = order_job(ledger, history, spec, version, now_ns=now_ns)
    pipeline = Pipeline(
        name=spec.name, spec=spec_json(spec), created_ns=now_ns, version=version, oldest=version
    )
    return Step("create", spec, Deployed(pipeline, True, cursors, job), remarks=_remarks(spec, job))


def _update(
    ledger: Ledger, history: StoreHistory, now: Pipeline, spec: Spec, results: Results, now_ns: int
) -> Step:
    was = readable([now]).get(now.name)
    salt = str(now.spec.get("salt", ""))
    salted = replace(spec, salt=spec.salt or salt)
    same = was is not None and transform_key(salted) == transform_key(was)
    stands: tuple[str, ...] = now.stands if same else ()
    if results == "reprocess":
        stands = ()
        if salted.salt == salt:
            salted = replace(salted, salt=secrets.token_hex(8))
    elif results == "keep" and not same:
        stands = (*(() if was is None else (transform_key(was).hex(),)), *now.stands)
        salted = replace(salted, salt=secrets.token_hex(8))
    if salted == was:
        return Step("leave", was, None)
    version = now.version + 1
    updated = replace(now, spec=spec_json(salted), version=version, updated_ns=now_ns, stands=stands)
    if was is not None and replace(salted, description=was.description) == was:
        return Step("update", salted, Deployed(updated, True), remarks=("only its description changes",))
    job, cursors = order_job(ledger, history, salted, version, now_ns=now_ns)
    if now.paused:
        job = None
    updated = replace(updated, since_ns=now_ns, oldest=version)
    ended = tuple(each for each in ledger.open_jobs() if each.pipeline == spec.name)
    remarks = (_what_counts(same, results), *_remarks(salted, job, paused=now.paused))
    return Step("update", salted, Deployed(updated, True, cursors, job), ended, remarks)


def _what_counts(same: bool, results: Results) -> str:
    if results == "reprocess":
        return "everything is computed again"
    if same:
        return "what was computed before counts: the transform is the same"
    if results == "keep":
        return "what was computed before counts, although the transform is another"
    return "everything is computed again: the transform is another"


def _remarks(spec: Spec, job: Job | None, *, paused: bool = False) -> tuple[str, ...]:
    if paused:
        return (f"it is stopped; `pfs pipeline start {spec.name}` runs it",)
    if spec.spout is not None:
        return ("its command runs as long as `pfs mount` or `pfs scheduler` does",)
    if job is None:
        return ("its first job comes with the first commits of its inputs",)
    return (f"job {job.pipeline}@{job.id[:8]} runs on what its inputs hold now",)


def _require_output(ledger: Ledger, repo: Repo) -> None:
    """Raise Exists when a repo is people's own, and not what a pipeline of its name has left to them; InUse when they
    have something staged in that, which could not be committed any more."""
    if repo.origin == ORIGIN:
        return
    if repo.origin != "user" or not ledger.versions(repo.name):
        raise Exists("repo", repo.name)
    if staged := repo.drafts():
        raise InUse(
            f"{repo.name}@{staged[0].branch} has something staged, and a pipeline is to write it",
            hint=f"`pfs commit {repo.name}` or `pfs restore {repo.name}` first",
        )


def _require_branch(store: Store, repo: str, branch: str, specs: Mapping[str, Spec]) -> None:
    if repo in specs and (specs[repo].output_branch == branch or store.find_repo(repo) is None):
        if specs[repo].output_branch != branch:
            raise RefNotFound(repo, branch, known=[specs[repo].output_branch])
        return
    found = store.repo(repo)
    if branch != found.default_branch and found.find_branch(branch) is None:
        raise RefNotFound(repo, branch, known=[each.name for each in found.branches()])
