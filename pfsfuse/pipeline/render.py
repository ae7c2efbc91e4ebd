"""Specs to documents: the canonical form, which is kept, shown and edited."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from pfsfuse.pipeline.egress import egress_json
from pfsfuse.pipeline.input import CronInput, Input, Leaf, PfsInput
from pfsfuse.pipeline.spec import Spec


def spec_json(spec: Spec) -> dict[str, Any]:
    """`spec` as the JSON document people would write: equal specs, equal documents; defaults are left out.

    `parse_specs` of its JSON (or YAML) text gives `spec` again.
    """
    transform = spec.transform
    document: dict[str, Any] = {"pipeline": {"name": spec.name}}
    if spec.description:
        document["description"] = spec.description
    written: dict[str, Any] = {"cmd": list(transform.cmd)}
    if transform.stdin:
        written["stdin"] = list(transform.stdin)
    if transform.env:
        written["env"] = dict(sorted(transform.env.items()))
    if transform.working_dir is not None:
        written["working_dir"] = transform.working_dir
    if transform.accept_return_code:
        written["accept_return_code"] = list(transform.accept_return_code)
    if transform.err_cmd:
        written["err_cmd"] = list(transform.err_cmd)
    if transform.err_stdin:
        written["err_stdin"] = list(transform.err_stdin)
    if transform.image:
        written["image"] = transform.image
    if transform.network != "host":
        written["network"] = transform.network
    if transform.datum_batching:
        written["datum_batching"] = True
    if transform.user is not None:
        written["user"] = transform.user
    document["transform"] = written
    if spec.input is not None:
        document["input"] = _input(spec.input)
    if spec.parallelism is not None:
        document["parallelism_spec"] = {"constant": spec.parallelism}
    if spec.datum_tries != 3:
        document["datum_tries"] = spec.datum_tries
    if spec.datum_timeout is not None:
        document["datum_timeout"] = _duration(spec.datum_timeout)
    if spec.job_timeout is not None:
        document["job_timeout"] = _duration(spec.job_timeout)
    if spec.limits is not None:
        document["resource_limits"] = to_builtins(spec.limits)
    if spec.datum_set is not None:
        document["datum_set_spec"] = to_builtins(spec.datum_set)
    if spec.output_branch != "master":
        document["output_branch"] = spec.output_branch
    if spec.reprocess != "until_success":
        document["reprocess_spec"] = spec.reprocess
    if spec.salt:
        document["salt"] = spec.salt
    if spec.egress is not None:
        document["egress"] = egress_json(spec.egress)
    if spec.service is not None:
        service = spec.service
        document["service"] = {
            "internal_port": service.internal_port,
            "external_port": service.external_port,
        }
    if spec.spout is not None:
        document["spout"] = to_builtins(spec.spout)
    return document


def _input(node: Input) -> dict[str, Any]:
    match node:
        case PfsInput():
            where = {"name": node.name, "repo": node.repo, "branch": node.branch, "glob": node.glob}
            return {"pfs": where | _without_tag(node)}
        case CronInput():
            written = _without_tag(node)
            return {"cron": {"name": node.name, "spec": written.pop("schedule"), **written}}
        case _:
            kind = to_builtins(node)["type"]
            return {kind: [_input(member) for member in node.members]}


def _without_tag(leaf: Leaf) -> dict[str, Any]:
    written: dict[str, Any] = to_builtins(leaf)
    del written["type"]
    return written


def _duration(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"
