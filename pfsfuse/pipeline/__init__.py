"""What should be computed: pure functions of specifications and commits. Nothing here waits, writes or runs.
README.md says what inputs and globs mean.

    text ──parse_specs──> Spec ──enumerate_datums(spec, commits)──> Datum, Datum, …
         parse_service     │
                           ├─spec_json──> the document again
                           └─graph──> which pipeline feeds which

    reader/      text to values with places: JSON and YAML        fields   one value, typed, with its place
    tables       every field's fate                               sections, input_section  what each section means
    notebook     a notebook as a transform                        limits, egress  what these two sections mean
    parse        the ways in                legacy   the 1.3 job   render   the way back
    spec, input  the types                  glob/    which paths   datum    identity
    enumerate    spec and commits to datums                        graph    order among pipelines
    changes      two commits to the datums that differ            schedule when it is time
    trigger      when a branch moves

Every mistake in a specification is a SpecError worded `source:line:column: field: what`.
"""

from __future__ import annotations

from pfsfuse.pipeline.changes import DatumChanges, find_changes
from pfsfuse.pipeline.datum import Datum, DatumInput, make_datum, transform_key
from pfsfuse.pipeline.enumerate import enumerate_datums
from pfsfuse.pipeline.glob import Glob, compile_glob, iter_matches
from pfsfuse.pipeline.graph import (
    check_acyclic,
    downstream_of,
    topological_order,
    upstream_of,
)
from pfsfuse.pipeline.input import (
    CronInput,
    CrossInput,
    GroupInput,
    Input,
    JoinInput,
    Leaf,
    PfsInput,
    Trigger,
    UnionInput,
    followed_branch,
    starts_jobs,
)
from pfsfuse.pipeline.parse import parse_service, parse_specs
from pfsfuse.pipeline.render import spec_json
from pfsfuse.pipeline.schedule import Schedule, compile_schedule, find_time, time_name
from pfsfuse.pipeline.spec import (
    DatumSet,
    Egress,
    FileFormat,
    Service,
    Spec,
    Spout,
    Transform,
    inputs,
)
from pfsfuse.pipeline.trigger import Growth, fires, make_trigger

__all__ = [
    "CronInput",
    "CrossInput",
    "Datum",
    "DatumChanges",
    "DatumInput",
    "DatumSet",
    "Egress",
    "FileFormat",
    "Glob",
    "GroupInput",
    "Growth",
    "Input",
    "JoinInput",
    "Leaf",
    "PfsInput",
    "Schedule",
    "Service",
    "Spec",
    "Spout",
    "Transform",
    "Trigger",
    "UnionInput",
    "check_acyclic",
    "compile_glob",
    "compile_schedule",
    "downstream_of",
    "enumerate_datums",
    "find_changes",
    "find_time",
    "fires",
    "followed_branch",
    "inputs",
    "iter_matches",
    "make_datum",
    "make_trigger",
    "parse_service",
    "parse_specs",
    "spec_json",
    "starts_jobs",
    "time_name",
    "topological_order",
    "transform_key",
    "upstream_of",
]
