"""From a datum to the task that computes it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pfsfuse.pipeline import Datum, DatumInput, Spec, transform_key
from pfsfuse.scheduler.job import Job
from pfsfuse.worker.api import Input, Launch, Limits, Task
from pfsfuse.worker.logfile import log_path

_DESCRIBED = 10
"""Inputs named in a description; a group may have thousands."""


def task_of(store_path: Path, spec: Spec, job: Job, datum: Datum) -> Task:
    """Everything a worker must know to compute `datum` for `job`."""
    return Task(
        job=job.id,
        pipeline=job.pipeline,
        datum=datum.id,
        tries=spec.datum_tries,
        accept=spec.transform.accept_return_code,
        err_cmd=spec.transform.err_cmd,
        err_stdin=spec.transform.err_stdin,
        launch=Launch(
            name=datum.id,
            cmd=spec.transform.cmd,
            stdin=spec.transform.stdin,
            working_dir=spec.transform.working_dir or ("" if spec.transform.image else "/"),
            image=spec.transform.image,
            network=spec.transform.network == "host",
            limits=Limits()
            if spec.limits is None
            else Limits(memory=spec.limits.memory, cpu=spec.limits.cpu),
            user=spec.transform.user,
            batch=_batch(spec),
            timeout_seconds=spec.datum_timeout,
            log=str(log_path(store_path, job.pipeline, job.id, datum.id)),
            inputs=tuple(_shown_together(datum)),
            env={**spec.transform.env, **_variables(job, datum)},
        ),
    )


def _batch(spec: Spec) -> str:
    """Which running command may take the datums of `spec`: "" is none. One that was started before an update may not,
    when it could do more than it may now, or less."""
    if not spec.transform.datum_batching:
        return ""
    memory, cpu = (None, None) if spec.limits is None else (spec.limits.memory, spec.limits.cpu)
    return f"{spec.name} {transform_key(spec).hex()} {spec.transform.network} {memory} {cpu}"


def describe(datum: Datum) -> str:
    """The datum in words: the start of its id, and what it reads."""
    named = [f"{each.name}:{each.rooted}" for each in datum.inputs]
    if len(named) > _DESCRIBED:
        named[_DESCRIBED:] = [f"and {len(named) - _DESCRIBED} more"]
    return f"datum {datum.id[:8]} ({', '.join(named)})"


def _shown_together(datum: Datum) -> Iterator[Input]:
    """One directory for each name: of a group, with all its matches."""
    named: dict[str, list[DatumInput]] = {}
    for each in datum.inputs:
        named.setdefault(each.name, []).append(each)
    for name, (first, *more) in named.items():
        paths = (each.rooted for each in (first, *more))
        yield Input(name=name, repo=first.repo, commit=str(first.commit), paths=tuple(paths))


def _variables(job: Job, datum: Datum) -> dict[str, str]:
    """What a command is told about itself, in our spelling and in Pachyderm's. Of a group's matches in one repo, the
    variable with the input's name has the last."""
    variables = {
        "PFS_JOB_ID": job.id,
        "PFS_DATUM_ID": datum.id,
        "PFS_PIPELINE": job.pipeline,
        "PFS_OUTPUT_COMMIT": job.id,
        "PACH_JOB_ID": job.id,
        "PACH_DATUM_ID": datum.id,
        "PACH_OUTPUT_COMMIT_ID": job.id,
    }
    for each in datum.inputs:
        variables[each.name] = _shown(each)
        variables[f"{each.name}_COMMIT"] = str(each.commit)
        for kind, key in (("JOIN_ON", each.join_on), ("GROUP_BY", each.group_by)):
            if key:
                variables[f"PFS_DATUM_{each.name}_{kind}"] = key
                variables[f"PACH_DATUM_{each.name}_{kind}"] = key
    return variables


def _shown(given: DatumInput) -> str:
    return f"/pfs/{given.name}{given.rooted.rstrip('/')}"
