"""The job form of Pachyderm 1.3, as its tutorial's `jupyter.json` uses it to start a service.

    {"service": {"internal_port": 8888, "external_port": 30888},
     "transform": {"cmd": ["sh"], "stdin": ["jupyter notebook"]},
     "parallelism_spec": {"strategy": "CONSTANT", "constant": 1},
     "inputs": [{"commit": {"repo": {"name": "trips"}, "id": "master/30"}}]}

Each input is one commit, seen whole. Commits were numbered from 0 on a branch, so `master/30` is `master.31`.
"""

from __future__ import annotations

import store
from pfsfuse.pipeline.fields import Field
from pfsfuse.pipeline.input import CrossInput, Input, PfsInput
from pfsfuse.pipeline.input_section import check_unique, read_commit, read_input_name
from pfsfuse.pipeline.sections import read_parallelism, read_service, read_transform
from pfsfuse.pipeline.spec import Spec
from pfsfuse.pipeline.tables import JOB, JOB_COMMIT, JOB_INPUT, JOB_REPO, PIPELINE

_WHOLE_METHODS = frozenset({"map", "reduce", "global"})
"""How 1.3 shared an input among workers; a service has one worker, which saw everything in all three."""


def is_job(field: Field) -> bool:
    """Whether the document is of the old form: it has `inputs`, where newer ones have `input`."""
    return isinstance(field.node.value, dict) and "inputs" in field.node.value


def read_job(field: Field, default_name: str) -> Spec:
    """A service from a job in the old form."""
    found = field.table(JOB)
    if "service" not in found:
        field.fail("no service in it; a job without one is a pipeline: `pfs pipeline create`")
    if "transform" not in found:
        field.fail("transform is missing")
    parallelism = read_parallelism(found["parallelism_spec"]) if "parallelism_spec" in found else None
    if parallelism not in (None, 1):
        found["parallelism_spec"].fail("a service is one process; constant must be 1")
    pipeline = found["pipeline"].table(PIPELINE) if "pipeline" in found else {}
    named, part = (pipeline["name"], None) if "name" in pipeline else (field, default_name)
    inputs = tuple(_read_input(item) for item in found["inputs"].items()) if "inputs" in found else ()
    check_unique(inputs, found.get("inputs", field))
    tree: Input | None = None
    if inputs:
        tree = inputs[0] if len(inputs) == 1 else CrossInput(members=inputs)
    return Spec(
        name=named.name(store.names.repo, part),
        description=found["description"].text() if "description" in found else "",
        transform=read_transform(found["transform"]),
        input=tree,
        parallelism=parallelism,
        job_timeout=found["job_timeout"].seconds() if "job_timeout" in found else None,
        service=read_service(found["service"]),
    )


def _read_input(field: Field) -> PfsInput:
    found = field.table(JOB_INPUT)
    if "commit" not in found:
        field.fail("commit is missing: the repo and the id of the commit to look at")
    commit = found["commit"].table(JOB_COMMIT)
    repo = commit["repo"].table(JOB_REPO) if "repo" in commit else {}
    if "name" not in repo:
        found["commit"].fail('repo is missing; expected {"repo": {"name": …}, "id": …}')
    if "id" not in commit:
        found["commit"].fail('id is missing; expected one such as "master/30"')
    if "method" in found and found["method"].text() not in _WHOLE_METHODS:
        found["method"].fail("not supported; a service sees its commits whole")
    branch, expression = read_commit(commit["id"])
    return PfsInput(
        name=read_input_name(found["name"] if "name" in found else repo["name"]),
        repo=repo["name"].name(store.names.repo),
        branch=branch,
        commit=expression,
    )
