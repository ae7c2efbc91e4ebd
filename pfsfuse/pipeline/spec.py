"""What a pipeline or a service is, once its specification has been checked.

Values of these types are always valid when they come from `parse_specs` or `parse_service`; `spec_json` turns them
back into the form people write. Code that builds one itself (a service started from the command line, say) vouches for
it, or sends it through `spec_json` and `parse_specs`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from pfsfuse.pipeline.input import Input, Leaf, leaves
from pfsfuse.pipeline.limits import Limits

Network = Literal["host", "none"]


class Transform(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The command that turns inputs into output."""

    cmd: tuple[str, ...]
    """Program and arguments, run as they are, without a shell."""
    stdin: tuple[str, ...] = ()
    """Lines given to the command, each ended by a newline; none: an empty standard input."""
    env: dict[str, str] = field(default_factory=dict)
    """Added to the environment."""
    working_dir: str | None = None
    """Absolute; None: the worker's choice."""
    accept_return_code: tuple[int, ...] = ()
    """Exit codes besides 0 that count as success; ascending, no repeats."""
    err_cmd: tuple[str, ...] = ()
    """Run after each attempt that failed, in what it left; when it succeeds, the datum has recovered. () is none."""
    err_stdin: tuple[str, ...] = ()
    """Lines given to `err_cmd`."""
    image: str = ""
    """The container image to run in; "": the programs of this host."""
    network: Network = "host"
    """What a command can reach: what the host can, or nothing but itself."""
    datum_batching: bool = False
    """The command asks for one datum after another, and is started once for many."""
    user: str | None = None
    """Name or number of the user of this host to run as; None: whoever runs the pipelines."""


class DatumSet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many datums a worker takes at once: at most one of the three is given."""

    number: int | None = None
    """So many datums."""
    size_bytes: int | None = None
    """As many as show it no more than this; at least one."""
    per_worker: int | None = None
    """So many that each worker gets this many sets of a job."""


FileType = Literal["CSV", "JSON", "PARQUET"]


class FileFormat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How rows stand in files."""

    type: FileType
    """JSON: one object a line."""
    columns: tuple[str, ...] = ()
    """CSV: the names of the columns, for files without a line of them. Else: which columns, in this order; () is
    all."""


class Egress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the output of each job goes as well, once it is committed."""

    url: str
    """`file:///…`, `s3://…`, `gs://…`, `az://…`; with `format` the URL of a SQL database, as SQLAlchemy has them."""
    format: FileFormat | None = None
    """The output is tables: each directory at the top of it is one."""


class Service(Struct, frozen=True, kw_only=True):
    """Makes a spec one of a command that keeps running and listens."""

    internal_port: int
    """Where the command listens."""
    external_port: int
    """Where people reach it; the internal port unless given."""


class Spout(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Makes a pipeline one without inputs, whose command keeps running and whose closed files become commits."""

    service: Service | None = None
    """Where it listens, when it does."""


class Spec(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A standing order: which inputs, which command, under which name."""

    name: str
    """Of the pipeline or service, and of the repo its output goes to."""
    transform: Transform
    description: str = ""
    input: Input | None = None
    """None only for a spout, and for a service that looks at the whole mount."""
    parallelism: int | None = None
    """Most datums at once; None: not said."""
    datum_tries: int = 3
    """Attempts per datum, the first included."""
    datum_timeout: float | None = None
    """Seconds for one attempt, in whole milliseconds; None: no limit."""
    job_timeout: float | None = None
    """Seconds for a whole job, in whole milliseconds; None: no limit."""
    limits: Limits | None = None
    """`resource_limits`: what one datum may use."""
    datum_set: DatumSet | None = None
    """`datum_set_spec`."""
    output_branch: str = "master"
    reprocess: Literal["until_success", "every_job"] = "until_success"
    """`reprocess_spec`: whether a datum whose result is known is left out of a job, or computed again in each."""
    salt: str = ""
    """Enters the identity of every datum: another salt, and nothing that was computed before counts."""
    egress: Egress | None = None
    service: Service | None = None
    spout: Spout | None = None


def inputs(spec: Spec) -> tuple[Leaf, ...]:
    """The leaves of the input tree as they are read, in the order they were written; () when the spec has no input.

    One with a trigger reads the branch that its trigger moves, which is the pipeline's own.
    """
    found = list(leaves(spec.input)) if spec.input is not None else []
    triggered = 0
    for place, leaf in enumerate(found):
        if leaf.trigger is not None:
            triggered += 1
            found[place] = replace(leaf, branch=f"{spec.name}-trigger-{triggered}")
    return tuple(found)
