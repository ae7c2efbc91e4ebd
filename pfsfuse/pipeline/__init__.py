"""What should be computed: pure functions of specifications and commits. Nothing here waits, writes or runs.

    text ──parse_specs──> Spec ──enumerate_datums(spec, commits)──> Datum, Datum, …
         parse_service     │
                           ├─spec_json──> the document again
                           └─graph──> which pipeline feeds which

    reader/      text to values with places: JSON and YAML        fields   one value, typed, with its place
    tables       every field's fate                               sections, input_section  what each section means
    parse        the ways in                legacy   the 1.3 job   render   the way back
    spec, input  the types                  glob/    which paths   datum    identity
    enumerate    spec and commits to datums                        graph    order among pipelines
    changes      two commits to the datums that differ

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
    CrossInput,
    GroupInput,
    Input,
    JoinInput,
    Leaf,
    PfsInput,
    UnionInput,
)
from pfsfuse.pipeline.parse import parse_service, parse_specs
from pfsfuse.pipeline.render import spec_json
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

__all__ = [
    "CrossInput",
    "Datum",
    "DatumChanges",
    "DatumInput",
    "DatumSet",
    "Egress",
    "FileFormat",
    "Glob",
    "GroupInput",
    "Input",
    "JoinInput",
    "Leaf",
    "PfsInput",
    "Service",
    "Spec",
    "Spout",
    "Transform",
    "UnionInput",
    "check_acyclic",
    "compile_glob",
    "downstream_of",
    "enumerate_datums",
    "find_changes",
    "inputs",
    "iter_matches",
    "make_datum",
    "parse_service",
    "parse_specs",
    "spec_json",
    "topological_order",
    "transform_key",
    "upstream_of",
]
