"""Every field a specification may hold, and what becomes of it: taken, refused by name, or ignored with a warning.

A field is refused when leaving it out would silently change what is computed, and ignored with a warning when it only
tells Kubernetes how to run things. Anything in no column is a misspelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


@dataclass(frozen=True)
class Table:
    """The fields of one kind of mapping, in their snake_case spelling; camelCase is understood as well."""

    path: str
    """Where such a mapping stands in a specification, for "belongs in …" advice."""
    taken: frozenset[str]
    refused: Mapping[str, str] = field(default_factory=dict)
    """Field to reason."""
    ignored: Mapping[str, str] = field(default_factory=dict)
    """Field to reason."""

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Every accepted spelling, to the snake_case one."""
        known = (*self.taken, *self.refused, *self.ignored)
        return {spelling: name for name in known for spelling in (_camel(name), name)}

    def advice(self, unknown: str) -> str:
        """The nearest known name, or the table where the field would be at home, or what there is."""
        for table in TABLES:
            if table is not self and table.spellings.get(unknown) in table.taken and unknown not in _COMMON:
                return f"it belongs in {table.path}"
        if near := get_close_matches(unknown, self.spellings, n=1):
            return f"did you mean {near[0]!r}?"
        return f"known here: {', '.join(sorted(self.taken))}"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _all(reason: str, text: str) -> dict[str, str]:
    return dict.fromkeys(text.split(), reason)


_COMMON = _words("name pfs cross union join group cron input")
"""At home in several places, so that pointing at one of them would mislead."""

_KUBERNETES = "only means something on Kubernetes"
_HINT = "only tunes how Pachyderm schedules work"
_PROJECT = "projects are not supported; remove it"

SPEC = Table(
    path="the top level",
    taken=_words(
        "pipeline description transform input parallelism_spec datum_tries datum_timeout job_timeout datum_set_spec"
        " output_branch reprocess_spec salt egress resource_limits service spout"
    ),
    refused={
        "s3_out": "not supported; egress sends output to s3://",
        "spec_commit": "not supported; `pfs pipeline spec NAME --version N` prints an older specification",
        **_all(f"{_KUBERNETES}; remove it", "tf_job determined"),
        "reprocess": "an option of the command: `pfs pipeline update --reprocess`",
        "update": "a command: `pfs pipeline update`",
        "inputs": "the form of Pachyderm 1.3, which only `pfs service create` reads; write input: {pfs: …}",
    },
    ignored={
        **_all(
            _KUBERNETES,
            "pod_spec pod_patch scheduling_spec tolerations resource_requests sidecar_resource_requests"
            " sidecar_resource_limits metadata maximum_expected_uptime",
        ),
        **_all("workers start when there is work and end without it in any case", "autoscaling standby"),
        **_all(_HINT, "chunk_spec cache_size max_queue_size enable_stats"),
    },
)
PIPELINE = Table(path="pipeline", taken=_words("name"), refused={"project": _PROJECT})
TRANSFORM = Table(
    path="transform",
    taken=_words(
        "cmd notebook stdin env err_cmd err_stdin user datum_batching working_dir accept_return_code image network"
    ),
    refused={
        "secrets": "not supported; without an image the command sees this host's files: let it read the secret from one"
        " that its user may read",
        "build": "not supported; `podman build` the image and name it in transform.image",
    },
    ignored={
        **_all(_KUBERNETES, "image_pull_secrets memory_volume"),
        "dockerfile": "only tells Pachyderm how to build an image",
        "debug": "only changes the logs of Pachyderm's workers",
    },
)
PARALLELISM = Table(
    path="parallelism_spec",
    taken=_words("constant strategy"),
    refused={"coefficient": "not supported; write constant, the number of workers"},
)
LIMITS = Table(
    path="resource_limits",
    taken=_words("memory cpu"),
    ignored=_all("not limited here", "gpu disk"),
)
DATUM_SET = Table(path="datum_set_spec", taken=_words("number size_bytes per_worker"))
SPOUT = Table(path="spout", taken=_words("service"), refused=_all("not supported", "overwrite marker"))
EGRESS = Table(path="egress", taken=_words("URL url object_storage sql_database"))
OBJECT_STORAGE = Table(path="egress.object_storage", taken=_words("url"))
SQL_DATABASE = Table(
    path="egress.sql_database",
    taken=_words("url file_format"),
    refused={
        "secret": "not supported; the database's own way (~/.pgpass, ~/.my.cnf, …) keeps a password out of the url"
    },
)
FILE_FORMAT = Table(path="egress.sql_database.file_format", taken=_words("type columns"))
SERVICE = Table(
    path="service",
    taken=_words("internal_port external_port"),
    ignored=_all(_KUBERNETES, "type ip annotations"),
)
INPUT = Table(
    path="input",
    taken=_words("pfs cross union join group cron"),
    refused={
        "git": "not supported; `pfs put -r DIR REPO` commits a checkout",
        "atom": "an old name; write pfs",
    },
)
PFS = Table(
    path="input.pfs",
    taken=_words(
        "name repo branch glob join_on outer_join group_by reference trigger propagation_spec commit follow repo_type"
    ),
    refused={
        "s3": "not supported; let the command read the files below /pfs instead of a bucket",
        "project": _PROJECT,
    },
    ignored={
        "lazy": "files are read when they are opened in any case",
        "empty_files": "files that are not opened cost nothing; they have their sizes",
    },
)
CRON = Table(
    path="input.cron",
    taken=_words("name repo spec start overwrite"),
    refused={"project": _PROJECT},
)
PROPAGATION = Table(path="input.pfs.propagation_spec", taken=_words("never"))
TRIGGER = Table(path="input.pfs.trigger", taken=_words("branch size commits rate_limit_spec cron_spec all"))
JOB = Table(
    path="the top level",
    taken=_words("transform parallelism_spec inputs service pipeline description job_timeout"),
    refused=_all("not supported", "parent_job output"),
    ignored=_all("a service is always started", "force"),
)
JOB_INPUT = Table(
    path="inputs",
    taken=_words("commit method name"),
    refused=_all("not supported", "lazy run_empty"),
)
JOB_COMMIT = Table(path="inputs.commit", taken=_words("repo id"))
JOB_REPO = Table(path="inputs.commit.repo", taken=_words("name"))

TABLES = (SPEC, PIPELINE, TRANSFORM, PARALLELISM, EGRESS, SERVICE, INPUT, PFS, CRON)
