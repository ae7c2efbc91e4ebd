"""Text to specs: the two ways in, and what must hold between the sections."""

from __future__ import annotations

from collections.abc import Callable

import store
from pfsfuse.pipeline.egress import read_egress
from pfsfuse.pipeline.fields import Field, Reading
from pfsfuse.pipeline.input_section import read_input
from pfsfuse.pipeline.legacy import is_job, read_job
from pfsfuse.pipeline.limits import read_limits
from pfsfuse.pipeline.reader import read_documents, refuse
from pfsfuse.pipeline.sections import (
    read_datum_set,
    read_parallelism,
    read_reprocess,
    read_service,
    read_spout,
    read_transform,
)
from pfsfuse.pipeline.spec import Spec
from pfsfuse.pipeline.tables import PIPELINE, SPEC

_INSTEAD = {"service": "; the port it listens on goes into spout.service"}


def parse_specs(
    text: str,
    *,
    source: str,
    ignore_image: bool = False,
    warnings: list[str] | None = None,
    file: Callable[[str], str] | None = None,
) -> list[Spec]:
    """Every spec in `text` (JSON or YAML; one, a list, or several documents), in order; at least one.

    `source` names the text in messages. With `ignore_image`, `transform.image` is left out. What is accepted but has no
    effect is appended to `warnings`, one line each, worded like the errors. Specs with `service` are accepted; whoever
    takes pipelines only looks at `Spec.service`.

    `file` gives the text of a file that a specification names (a notebook), as seen from where `source` lies; without
    it such a specification is refused.

    Raises SpecError, and nothing else, for the first mistake.
    """
    specs: dict[str, Spec] = {}
    reading = Reading(source, ignore_image, [] if warnings is None else warnings, file)
    for document in _documents(text, reading):
        spec = _read_spec(document, "")
        if spec.name in specs:
            document.fail(f"a second specification of {spec.name!r}; a name is used once")
        specs[spec.name] = spec
    return list(specs.values())


def parse_service(
    text: str,
    *,
    source: str,
    default_name: str,
    ignore_image: bool = False,
    warnings: list[str] | None = None,
) -> Spec:
    """The one service that `text` specifies, as a spec with `service` or as a job of Pachyderm 1.3.

    A spec that does not name itself is called `default_name`. Otherwise as `parse_specs`.
    """
    reading = Reading(source, ignore_image, [] if warnings is None else warnings)
    document, *more = _documents(text, reading)
    if more:
        more[0].fail("a second specification; a service is created from one")
    job = is_job(document)
    spec = read_job(document, default_name) if job else _read_spec(document, default_name)
    if spec.transform.image:
        document.fail("transform.image: services run with the programs of this host; remove the field")
    if spec.service is None:
        document.fail("no service in it; `pfs pipeline create` takes pipelines")
    return spec


def _documents(text: str, reading: Reading) -> list[Field]:
    """One field for each specification; a document that is a list holds several."""
    found: list[Field] = []
    for node in read_documents(text, reading.source):
        document = Field(reading, "", node)
        found.extend(document.items() if isinstance(node.value, tuple) else [document])
    if not found:
        refuse(reading.source, 1, 1, "", "no specification in it")
    return found


def _read_spec(field: Field, default_name: str) -> Spec:
    """A spec from its document; `default_name` "" means that it must name itself."""
    found = field.table(SPEC)
    pipeline = found["pipeline"].table(PIPELINE) if "pipeline" in found else {}
    if "name" in pipeline:
        name = pipeline["name"].name(store.names.repo)
    elif default_name:
        name = field.name(store.names.repo, default_name)
    else:
        found.get("pipeline", field).fail(
            "pipeline.name is missing" if "pipeline" not in found else "name is missing"
        )
    if "transform" not in found:
        field.fail("transform is missing: the command to run")
    service = read_service(found["service"]) if "service" in found else None
    parallelism = read_parallelism(found["parallelism_spec"]) if "parallelism_spec" in found else None
    if service is not None and parallelism not in (None, 1):
        found["parallelism_spec"].fail("a service is one process; constant must be 1")
    spout = read_spout(found["spout"]) if "spout" in found else None
    if spout is not None:
        for other in ("input", "service", "egress"):
            if other in found:
                found[other].fail(f"a spout has no {other}{_INSTEAD.get(other, '')}")
        if parallelism not in (None, 1):
            found["parallelism_spec"].fail("a spout is one process; constant must be 1")
    tree = None
    if "input" in found:
        tree = read_input(found["input"], pipeline=name, for_service=service is not None)
    elif service is None and spout is None:
        field.fail("input is missing: which repo the pipeline reads, and how it is cut into datums")
    if service is not None and "egress" in found:
        found["egress"].fail("a service has none; what it saves is committed when it stops")
    transform = read_transform(found["transform"])
    if service is not None or spout is not None:
        kind = "a service" if service is not None else "a spout"
        for said in ("err_cmd", "user", "datum_batching"):
            if getattr(transform, said):
                found["transform"].fail(f"{said} means something to datums only, and {kind} has none")
    if spout is not None and transform.image:
        found["transform"].fail("a spout has no image: its command is one of this host's programs")
    return Spec(
        name=name,
        description=found["description"].text() if "description" in found else "",
        transform=transform,
        input=tree,
        parallelism=parallelism,
        datum_tries=found["datum_tries"].whole(1, 1000) if "datum_tries" in found else 3,
        datum_timeout=found["datum_timeout"].seconds() if "datum_timeout" in found else None,
        job_timeout=found["job_timeout"].seconds() if "job_timeout" in found else None,
        limits=read_limits(found["resource_limits"]) if "resource_limits" in found else None,
        datum_set=read_datum_set(found["datum_set_spec"]) if "datum_set_spec" in found else None,
        output_branch=found["output_branch"].name(store.names.branch)
        if "output_branch" in found
        else "master",
        reprocess=read_reprocess(found["reprocess_spec"]) if "reprocess_spec" in found else "until_success",
        egress=read_egress(found["egress"]) if "egress" in found else None,
        salt=found["salt"].argument() if "salt" in found else "",
        service=service,
        spout=spout,
    )
