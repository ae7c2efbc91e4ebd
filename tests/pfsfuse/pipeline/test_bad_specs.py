"""Specifications that are refused: the text, the place, and what is said."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import parse_service, parse_specs
from pfsfuse.pipeline.tables import (
    CRON,
    DATUM_SET,
    INPUT,
    PARALLELISM,
    PFS,
    PIPELINE,
    SERVICE,
    SPEC,
    TRANSFORM,
    TRIGGER,
)


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_specs(text, source="spec")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def spec(**changes: str) -> str:
    """A good specification in YAML, one line a section, in this order, with some lines replaced or added."""
    lines = {
        "pipeline": "{name: sales}",
        "transform": "{cmd: [x]}",
        "input": "{pfs: {repo: trips, glob: /}}",
    }
    return "\n".join(f"{key}: {value}" for key, value in {**lines, **changes}.items() if value)


def test_the_example_that_the_others_break_is_good():
    parse_specs(spec(), source="spec")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # documents
        ({"pipeline": ""}, "1:1: pipeline.name is missing"),
        ({"pipeline": "{}"}, "1:11: pipeline: name is missing"),
        ({"pipeline": "sales"}, "1:11: pipeline: expected a mapping, found the text 'sales'"),
        ({"pipeline": "{name: a b}"}, "1:18: pipeline.name: "),
        ({"pipeline": "{name: -x}"}, "1:18: pipeline.name: "),
        (
            {"pipeline": "{name: 7}"},
            '1:18: pipeline.name: expected text, found the number 7; put it in quotes: "7"',
        ),
        (
            {"pipeline": "{name: a, project: p}"},
            "1:21: pipeline.project: projects are not supported; remove it",
        ),
        ({"transform": ""}, "1:1: transform is missing"),
        ({"input": ""}, "1:1: input is missing"),
        # misspellings
        ({"trasform": "{}"}, "4:1: trasform: unknown field; did you mean 'transform'?"),
        ({"datumTry": "1"}, "4:1: datumTry: unknown field; did you mean 'datumTries'?"),
        ({"cmd": "[x]"}, "4:1: cmd: unknown field; it belongs in transform"),
        ({"glob": "/"}, "4:1: glob: unknown field; it belongs in input.pfs"),
        ({"zzzz": "1"}, "4:1: zzzz: unknown field; known here: datum_set_spec, "),
        (
            {"input": "{pfs: {repo: t, glob: /, brnach: x}}"},
            "3:33: input.pfs.brnach: unknown field; did you mean 'branch'",
        ),
        ({"datum_tries": "1", "datumTries": "2"}, "5:1: datumTries: given twice (first as 'datum_tries')"),
        # transform
        ({"transform": "{}"}, "2:12: transform: cmd is missing"),
        ({"transform": "{cmd: []}"}, "2:18: transform.cmd: empty"),
        ({"transform": "{cmd: ['']}"}, "2:18: transform.cmd: empty"),
        (
            {"transform": "{cmd: sh -c x}"},
            "2:18: transform.cmd: expected a list of text, found the text 'sh -c x'",
        ),
        ({"transform": "{cmd: [sleep, 5]}"}, "2:26: transform.cmd[1]: expected text, found the number 5"),
        (
            {"transform": "{cmd: [yes]}"},
            "2:19: transform.cmd[0]: 'yes' is a truth value to some readers of YAML",
        ),
        ({"transform": '{cmd: ["a\\0b"]}'}, "2:19: transform.cmd[0]: a NUL character"),
        (
            {"transform": "{cmd: [x], env: {A: true}}"},
            "2:32: transform.env.A: expected text, found true; put it in quotes",
        ),
        (
            {"transform": "{cmd: [x], env: {A: 2016-07-31}}"},
            "2:32: transform.env.A: '2016-07-31' is a time to some",
        ),
        ({"transform": "{cmd: [x], env: {A=B: c}}"}, "2:34: transform.env.A=B: not a name"),
        ({"transform": "{cmd: [x], env: [A]}"}, "2:28: transform.env: expected a mapping, found a list"),
        ({"transform": "{cmd: [x], stdin: y}"}, "2:30: transform.stdin: expected a list of text"),
        ({"transform": "{cmd: [x], working_dir: y}"}, "2:36: transform.working_dir: not an absolute path"),
        (
            {"transform": "{cmd: [x], accept_return_code: [256]}"},
            "2:44: transform.accept_return_code[0]: 256 is out of",
        ),
        (
            {"transform": "{cmd: [x], image: --help}"},
            "2:30: transform.image: not the name of an image; expected",
        ),
        (
            {"transform": "{cmd: [x], image: a, user: b}"},
            "2:39: transform.user: cannot be given together with",
        ),
        ({"transform": "{cmd: [x], network: bridge}"}, '2:32: transform.network: expected "host" (what'),
        (
            {"resource_limits": "{memory: 12 parsecs}"},
            "4:27: resource_limits.memory: expected an amount of memory",
        ),
        ({"resource_limits": "{memory: 1Ki}"}, "4:27: resource_limits.memory: too little for any program"),
        ({"resource_limits": "{memory: -1}"}, "4:27: resource_limits.memory: expected an amount of memory"),
        ({"resource_limits": "{cpu: 0}"}, "4:24: resource_limits.cpu: out of range; expected"),
        ({"resource_limits": "{cpu: true}"}, "4:24: resource_limits.cpu: expected a number of cores"),
        (
            {"resource_limits": "{memroy: 1Gi}"},
            "4:19: resource_limits.memroy: unknown field; did you mean 'memory'",
        ),
        ({"transform": "{cmd: [x], errCmd: ['']}"}, "2:31: transform.errCmd: the first item is the program"),
        (
            {"transform": "{cmd: [x], err_stdin: [y]}"},
            "2:34: transform.err_stdin: there is no err_cmd to give it to",
        ),
        ({"transform": "{cmd: [x], datum_batching: 1}"}, "2:39: transform.datum_batching: expected true or"),
        (
            {"transform": "{cmd: [x], datum_batching: true, image: u}"},
            "2:39: transform.datum_batching: not together with image",
        ),
        ({"transform": "{cmd: [x], user: ''}"}, "2:29: transform.user: empty"),
        (
            {"transform": "{notebook: a.ipynb}"},
            "2:23: transform.notebook: a notebook can only be read beside a file",
        ),
        (
            {"transform": "{notebook: a.ipynb, cmd: [x]}"},
            "2:37: transform.cmd: there is a notebook to run; remove one of them",
        ),
        # inputs
        (
            {"input": "{}"},
            "3:8: input: expected exactly one of pfs, cross, union, join, group and cron, found n",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /}, cross: []}"},
            "3:8: input: expected exactly one of pfs, cross, union, join, group and cron, found p",
        ),
        ({"input": "{cross: []}"}, "3:16: input.cross: empty"),
        ({"input": "{cross: {}}"}, "3:16: input.cross: expected a list of inputs, found a mapping"),
        ({"input": "{union: []}"}, "3:16: input.union: empty; a union has at least one input"),
        ({"input": "{join: [{}]}"}, "3:16: input.join[0]: expected exactly one of pfs, cross"),
        (
            {"input": "{join: [{pfs: {repo: a, glob: /(*)}}]}"},
            "3:16: input.join[0]: join_on is missing: what must be equal",
        ),
        (
            {"input": "{group: [{pfs: {repo: a, glob: /(*), group_by: $1}}, {pfs: {repo: b, glob: /}}]}"},
            "3:61: input.group[1]: group_by is missing",
        ),
        (
            {"input": "{join: [{pfs: {repo: a, glob: /(*), join_on: $2}}]}"},
            "3:53: input.join[0].pfs.join_on: '$2': there is no $2; the glob has 1 capture",
        ),
        (
            {"input": "{join: [{pfs: {repo: a, glob: /*, join_on: $1}}]}"},
            "3:51: input.join[0].pfs.join_on: '$1': there is no $1; the glob captures nothing",
        ),
        (
            {"input": "{join: [{pfs: {repo: a, glob: /*, join_on: $x}}]}"},
            "3:51: input.join[0].pfs.join_on: '$x': a $ without a number",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /(*), join_on: $1}}"},
            "3:45: input.pfs.join_on: this input is in no join",
        ),
        (
            {"input": "{join: [{pfs: {repo: a, glob: /(*), group_by: $1}}]}"},
            "3:54: input.join[0].pfs.group_by: this input is in no group",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /, outer_join: true}}"},
            "3:45: input.pfs.outer_join: there is no join_on here",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /, reference: maybe}}"},
            "3:44: input.pfs.reference: expected true or false",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /, propagation_spec: always}}"},
            '3:51: input.pfs.propagation_spec: expected "never"',
        ),
        (
            {"transform": "{cmd: [x], secrets: [{name: a, env_var: A, key: b}]}"},
            "2:23: transform.secrets: not supported; without an image the command sees",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /, s3: true}}"},
            "3:33: input.pfs.s3: not supported; let the command read",
        ),
        (
            {
                "input": "{cross: [{pfs: {repo: a, glob: /}}, {union: [{pfs: {repo: b, glob: /}},"
                " {pfs: {name: a, repo: b, glob: /}}]}]}"
            },
            "3:8: input: two inputs are called 'a'; give one another name",
        ),
        (
            {
                "input": "{group: [{union: [{pfs: {repo: a, glob: /(*), group_by: $1}},"
                " {pfs: {name: a, repo: b, glob: /(*), group_by: $1}}]}]}"
            },
            "3:8: input: two inputs are called 'a'; give one another name",
        ),
        (
            {"service": "{internal_port: 1}", "input": "{union: [{pfs: {repo: a}}]}"},
            "3:16: input.union: a service sees its inputs whole",
        ),
        ({"input": "{cron: {spec: '@daily'}}"}, "3:15: input.cron: name is missing"),
        ({"input": "{cron: {name: c}}"}, "3:15: input.cron: spec is missing: a schedule"),
        ({"input": "{cron: {name: c, spec: daily}}"}, "3:31: input.cron.spec: 'daily' is no schedule"),
        (
            {"input": "{cron: {name: c, spec: '@daily', start: noon}}"},
            "3:48: input.cron.start: 'noon' is no time",
        ),
        ({"input": "{cron: {name: out, spec: '@daily'}}"}, "3:22: input.cron.name: /pfs/out is taken"),
        (
            {"input": "{cron: {name: c, spec: '@daily', overwrite: 1}}"},
            "3:52: input.cron.overwrite: expected true or false",
        ),
        ({"input": "{cron: {name: c, spec: '@daily', repo: a b}}"}, "3:47: input.cron.repo: "),
        (
            {"input": "{pfs: {repo: a, glob: /, trigger: {}}}"},
            "3:42: input.pfs.trigger: no condition: expected a size",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /, trigger: {size: big}}}"},
            "3:42: input.pfs.trigger: 'big' is no size",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /, trigger: {commits: -1}}}"},
            "3:52: input.pfs.trigger.commits: -1 is out of range",
        ),
        (
            {"input": "{pfs: {repo: a, glob: /, trigger: {cron_spec: x}}}"},
            "3:42: input.pfs.trigger: 'x' is no schedule",
        ),
        (
            {"service": "{internal_port: 1}", "input": "{pfs: {repo: a, trigger: {commits: 1}}}"},
            "3:33: input.pfs.trigger: a service follows a branch itself",
        ),
        ({"input": "{git: {url: x}}"}, "3:9: input.git: not supported; `pfs put"),
        ({"input": "{atom: {}}"}, "3:9: input.atom: an old name; write pfs"),
        ({"input": "{pfs: {glob: /}}"}, "3:14: input.pfs: repo is missing"),
        ({"input": "{pfs: {repo: a}}"}, "3:14: input.pfs: glob is missing"),
        ({"input": "{pfs: {repo: a, glob: ''}}"}, "3:30: input.pfs.glob: empty"),
        (
            {"input": "{pfs: {repo: a, glob: '/{a'}}"},
            "3:30: input.pfs.glob: glob '/{a', character 2: this brace is never",
        ),
        ({"input": "{pfs: {repo: a/b, glob: /}}"}, "3:21: input.pfs.repo: "),
        ({"input": "{pfs: {repo: a, branch: a b, glob: /}}"}, "3:32: input.pfs.branch: "),
        ({"input": "{pfs: {repo: out, glob: /}}"}, "3:21: input.pfs.repo: /pfs/out is taken"),
        ({"input": "{pfs: {name: out, repo: a, glob: /}}"}, "3:21: input.pfs.name: /pfs/out is taken"),
        (
            {"input": "{pfs: {repo: a, glob: /, commit: master.1}}"},
            "3:41: input.pfs.commit: only services pin or follow",
        ),
        (
            {"input": "{cross: [{pfs: {repo: a, glob: /}}, {pfs: {repo: a, branch: b, glob: /}}]}"},
            "3:8: input: two inputs are called 'a'; give one another name",
        ),
        # numbers and times
        ({"datum_tries": "0"}, "4:14: datum_tries: 0 is out of range; expected 1 to 1000"),
        ({"datum_tries": "1.5"}, "4:14: datum_tries: expected a whole number, found the number 1.5"),
        ({"datum_tries": "true"}, "4:14: datum_tries: expected a whole number, found true"),
        ({"datum_tries": "010"}, "4:14: datum_tries: '010' is a number in another base to some readers"),
        ({"datum_tries": "9" * 30}, "4:14: datum_tries: expected a whole number, found the number 1e+30"),
        (
            {"datum_timeout": "30"},
            '4:16: datum_timeout: expected a length of time such as "90s" or "1h30m", found the n',
        ),
        (
            {"datum_timeout": "30 s"},
            '4:16: datum_timeout: expected a length of time such as "90s" or "1h30m", found the t',
        ),
        ({"datum_timeout": "0s"}, "4:16: datum_timeout: '0s' is out of range"),
        ({"job_timeout": "999999999h"}, "4:14: job_timeout: '999999999h' is out of range"),
        (
            {"parallelism_spec": "{coefficient: 2}"},
            "4:20: parallelism_spec.coefficient: not supported; write constant",
        ),
        ({"parallelism_spec": "{constant: -1}"}, "4:30: parallelism_spec.constant: -1 is out of range"),
        (
            {"parallelism_spec": "{strategy: COEFFICIENT}"},
            "4:30: parallelism_spec.strategy: only CONSTANT is supported",
        ),
        (
            {"datum_set_spec": "{number: 2, per_worker: 4}"},
            "4:41: datum_set_spec.per_worker: number says already how many",
        ),
        ({"datum_set_spec": "{number: -1}"}, "4:26: datum_set_spec.number: -1 is out of range"),
        ({"output_branch": "a/b"}, "4:16: output_branch: "),
        ({"description": "[x]"}, "4:14: description: expected text, found a list"),
        # services
        ({"service": "{}"}, "4:10: service: internal_port is missing"),
        (
            {"service": "{internal_port: 1}", "transform": "{cmd: [x], user: nobody}"},
            "2:12: transform: user means something to datums only, and a service has none",
        ),
        (
            {"spout": "{}", "input": "", "transform": "{cmd: [x], err_cmd: [y]}"},
            "2:12: transform: err_cmd means something to datums only, and a spout has none",
        ),
        ({"service": "{internal_port: 70000}"}, "4:26: service.internal_port: 70000 is out of range"),
        (
            {"service": "{internal_port: 1}", "parallelism_spec": "{constant: 2}"},
            "5:19: parallelism_spec: a service is one",
        ),
        (
            {"service": "{internal_port: 1}", "input": "{pfs: {repo: a, commit: b.1, follow: true}}"},
            "3:45: input.pfs.follow: commit pins this input and follow moves it",
        ),
        (
            {"service": "{internal_port: 1}", "input": "{pfs: {repo: a, commit: ''}}"},
            "3:32: input.pfs.commit: '' is not",
        ),
        (
            {"reprocess_spec": "always"},
            "4:17: reprocess_spec: 'always' is neither until_success nor every_job",
        ),
        ({"salt": "7"}, '4:7: salt: expected text, found the number 7; put it in quotes: "7"'),
        ({"update": "true"}, "4:1: update: a command: `pfs pipeline update`"),
        ({"tf_job": "{a: 1}"}, "4:1: tf_job: only means something on Kubernetes; remove it"),
        ({"spec_commit": "{id: x}"}, "4:1: spec_commit: not supported; `pfs pipeline spec NAME --version N`"),
        # later
        (
            {"egress": "{}"},
            "4:9: egress: expected exactly one of URL, object_storage and sql_database, found no",
        ),
        (
            {"egress": "{URL: ftp://x}"},
            "4:15: egress.URL: 'ftp://x' is not where output can go; expected file:",
        ),
        ({"egress": "{URL: file://x/y}"}, "4:15: egress.URL: 'file://x/y' is not a directory of this host"),
        ({"egress": "{URL: 's3:///x'}"}, "4:15: egress.URL: 's3:///x' names no bucket; expected s3://BUCKET"),
        ({"egress": "{object_storage: {}}"}, "4:26: egress.object_storage: url is missing: s3://BUCKET"),
        ({"egress": "{sql_database: {}}"}, "4:24: egress.sql_database: url is missing: postgresql://"),
        (
            {"egress": "{sql_database: {url: x, file_format: {type: CSV}}}"},
            "4:30: egress.sql_database.url: 'x' is not the URL of a database; expected postgresql://",
        ),
        (
            {"egress": "{sql_database: {url: a://b, file_format: {type: TSV}}}"},
            "4:57: egress.sql_database.file_format.type: 'TSV' is none of CSV, JSON and PARQUET",
        ),
        (
            {"egress": "{sql_database: {secret: {name: x}}}"},
            "4:25: egress.sql_database.secret: not supported; the database's own way",
        ),
        ({"spout": "{}"}, "3:8: input: a spout has no input"),
        (
            {"spout": "{}", "input": "", "transform": "{cmd: [x], image: y}"},
            "2:12: transform: a spout has no image: its command is one of this host's programs",
        ),
        ({"spout": "[]", "input": ""}, "3:8: spout: expected a mapping, found a list"),
        (
            {"spout": "{}", "input": "", "service": "{internal_port: 1}"},
            "4:10: service: a spout has no service; the port it listens on goes into spout.service",
        ),
        (
            {"spout": "{}", "input": "", "parallelism_spec": "{constant: 2}"},
            "4:19: parallelism_spec: a spout is one process; constant must be 1",
        ),
        ({"s3Out": "true"}, "4:1: s3Out: not supported; egress sends output to s3://"),
        ({"inputs": "[{repo: {name: a}}]"}, "4:1: inputs: the form of Pachyderm 1.3"),
    ],
)
def test_a_mistake_is_refused_where_it_stands(changes, message):
    assert refusal(spec(**changes)).startswith(f"spec:{message}")


@pytest.mark.parametrize("field", sorted(SPEC.taken | SPEC.refused.keys()))
def test_nonsense_in_any_field_is_refused_by_the_field_s_name(field):
    document = {
        "pipeline": {"name": "sales"},
        "transform": {"cmd": ["x"]},
        "input": {"pfs": {"repo": "trips", "glob": "/"}},
    }
    if field == "spout":
        del document["input"]
    said = refusal(json.dumps(document | {field: [{"nonsense": 1}]}))
    place, name, what = said.split(": ", 2)
    assert place.startswith("spec:1:") and name.split(".")[0].split("[")[0] == field and what


def test_two_specs_of_one_name_are_refused():
    assert refusal(spec() + "\n---\n" + spec()).startswith("spec:5:1: a second specification of 'sales'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "spec:1:1: no specification in it"),
        ("[]", "spec:1:1: no specification in it"),
        ("hello", "spec:1:1: expected a mapping, found the text 'hello'"),
        ("[1]", "spec:1:2: [0]: expected a mapping, found the number 1"),
        ('[{"x": 1}]', "spec:1:3: [0].x: unknown field; "),
        ('[{"pipeline": {"name": "a"}, "transform": {"cmd": [1]}}]', "spec:1:2: [0]: input is missing"),
    ],
)
def test_what_holds_no_specification_is_refused(text, message):
    assert refusal(text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (spec(), "spec:1:1: no service in it"),
        (spec(service="{internal_port: 1}") + "\n---\n" + spec(), "spec:6:1: a second specification"),
        ('{"service": {"internal_port": 1}, "transform": {"cmd": ["x"]}}', "spec:1:1: 'not a name'"),
        (
            '{"inputs": [], "service": {"internal_port": 1}, "transform": {"cmd": ["x"]}}',
            "spec:1:1: 'not a name'",
        ),
        ('{"inputs": []}', "spec:1:1: no service in it; a job without one is a pipeline"),
    ],
)
def test_what_is_not_one_service_is_refused(text, message):
    with pytest.raises(SpecError) as caught:
        parse_service(text, source="spec", default_name="not a name")
    assert str(caught.value).startswith(message)


# ---- whatever the values, a specification is taken or refused, never anything else


def complaint(read: Callable[[], object]) -> str:
    """What reading was refused with; "" when it went well. Anything but SpecError fails the test."""
    try:
        read()
    except SpecError as error:
        return str(error)
    return ""


TABLES = (SPEC, PIPELINE, TRANSFORM, PARALLELISM, DATUM_SET, SERVICE, INPUT, PFS, CRON, TRIGGER)
FIELDS = sorted({spelling for table in TABLES for spelling in table.spellings})
leaves = st.sampled_from(
    ["", "a", "/", "/*", "master/30", "1s", 0, 1, -5, 2.5, True, False, None, "\0", "é" * 300]
)
keys = st.sampled_from([*FIELDS, "inputs", "commit", "id", "A=B", ""])
junk = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(SPEC.spellings)), junk), st.booleans())
def test_arbitrary_values_in_known_fields_are_taken_or_refused(changes, as_service):
    good = {
        "pipeline": {"name": "a"},
        "transform": {"cmd": ["x"]},
        "input": {"pfs": {"repo": "a", "glob": "/"}},
    }
    text = json.dumps(good | changes)

    def read() -> object:
        if as_service:
            return parse_service(text, source="spec", default_name="a", ignore_image=True)
        return parse_specs(text, source="spec")

    said = complaint(read)
    assert said == "" or said.startswith("spec:1:")
    assert "\n" not in said


@given(st.text())
def test_arbitrary_text_is_refused(text):
    with pytest.raises(SpecError):
        parse_specs(text, source="spec")
    with pytest.raises(SpecError):
        parse_service(text, source="spec", default_name="a")
