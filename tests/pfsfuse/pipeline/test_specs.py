"""Specifications that are taken, and what they mean."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import (
    CronInput,
    CrossInput,
    DatumSet,
    GroupInput,
    JoinInput,
    PfsInput,
    Service,
    Spec,
    Transform,
    Trigger,
    UnionInput,
    inputs,
    parse_service,
    parse_specs,
    spec_json,
    transform_key,
)
from pfsfuse.pipeline.limits import Limits

SALES = """
pipeline:
  name: sales
description: $5 a trip
transform:
  cmd: [python3, sales.py]
  stdin: [one, two]
  env: {PRICE: "5"}
  working_dir: /tmp
  accept_return_code: [3, 1, 3]
  err_cmd: [sh]
  err_stdin: [exit 1]
  user: nobody
  network: none
input:
  cross:
    - pfs: {repo: trips, glob: "/*"}
    - pfs: {name: rain, repo: weather, branch: dev, glob: /}
parallelism_spec: {constant: 4}
datum_tries: 1
datum_timeout: 1m30s
job_timeout: 1.5h
datum_set_spec: {number: 10}
resource_limits: {memory: 512Mi, cpu: 1500m}
output_branch: dev
"""
MEANT = Spec(
    name="sales",
    description="$5 a trip",
    transform=Transform(
        cmd=("python3", "sales.py"),
        stdin=("one", "two"),
        env={"PRICE": "5"},
        working_dir="/tmp",
        accept_return_code=(1, 3),
        err_cmd=("sh",),
        err_stdin=("exit 1",),
        user="nobody",
        network="none",
    ),
    limits=Limits(memory=512 << 20, cpu=1.5),
    input=CrossInput(
        members=(
            PfsInput(name="trips", repo="trips", glob="/*"),
            PfsInput(name="rain", repo="weather", branch="dev", glob="/"),
        )
    ),
    parallelism=4,
    datum_tries=1,
    datum_timeout=90.0,
    job_timeout=5400.0,
    datum_set=DatumSet(number=10),
    output_branch="dev",
)


def parse(text: str, **more) -> Spec:
    (spec,) = parse_specs(text, source="spec", **more)
    return spec


def small(**changes: object) -> str:
    good = {
        "pipeline": {"name": "a"},
        "transform": {"cmd": ["x"]},
        "input": {"pfs": {"repo": "t", "glob": "/"}},
    }
    return json.dumps(good | changes)


def test_yaml_means_what_is_written():
    assert parse(SALES) == MEANT


def test_json_means_the_same():
    assert parse(json.dumps(yaml.safe_load(SALES))) == MEANT


def test_camel_case_means_the_same():
    renamed = {
        "working_dir": "workingDir",
        "accept_return_code": "acceptReturnCode",
        "datum_tries": "datumTries",
    }
    renamed |= {
        "parallelism_spec": "parallelismSpec",
        "job_timeout": "jobTimeout",
        "output_branch": "outputBranch",
    }
    text = SALES
    for snake, camel in renamed.items():
        text = text.replace(snake, camel)
    assert parse(text) == MEANT


def test_inputs_nest_and_mean_what_is_written():
    text = """
    union:
      - join:
          - pfs: {repo: trips, glob: /(*).csv, joinOn: $1, outer_join: true}
          - pfs: {repo: weather, glob: /(*)/*, join_on: "${1}", reference: true}
      - group:
          - cross:
              - pfs: {repo: trips, glob: "/?(a)*", group_by: $1}
              - pfs: {name: rain, repo: weather, glob: /}
    """
    trips = PfsInput(name="trips", repo="trips", glob="/(*).csv", join_on="$1", outer_join=True)
    weather = PfsInput(name="weather", repo="weather", glob="/(*)/*", join_on="${1}", reference=True)
    grouped = PfsInput(name="trips", repo="trips", glob="/?(a)*", group_by="$1")
    rain = PfsInput(name="rain", repo="weather")
    read = parse(small(input=yaml.safe_load(text)))
    assert read.input == UnionInput(
        members=(
            JoinInput(members=(trips, weather)),
            GroupInput(members=(CrossInput(members=(grouped, rain)),)),
        )
    )
    assert inputs(read) == (trips, weather, grouped, rain)
    assert parse(json.dumps(spec_json(read))) == read


@pytest.mark.parametrize("written", ["never", {"never": True}, {"never": False}])
def test_an_input_may_keep_what_arrives_on_it_from_starting_jobs(written):
    read = parse(small(input={"pfs": {"repo": "a", "glob": "/", "propagationSpec": written}}))
    assert inputs(read)[0].propagation_spec == ("" if written == {"never": False} else "never")
    assert parse(json.dumps(spec_json(read))) == read


def test_clocks_and_triggers_mean_what_is_written():
    tree = {
        "cross": [
            {"cron": {"name": "day", "spec": "@daily", "start": "2016-07-01T00:00:00Z", "overwrite": True}},
            {"pfs": {"repo": "t", "glob": "/", "trigger": {"size": "1K", "commits": 2, "all": True}}},
            {
                "pfs": {
                    "name": "u",
                    "repo": "t",
                    "glob": "/",
                    "trigger": {"branch": "b", "cron_spec": "0 6 * * *"},
                }
            },
        ]
    }
    read = parse(small(input=tree))
    day = CronInput(name="day", repo="a_day", schedule="@daily", start="2016-07-01T00:00:00Z", overwrite=True)
    grown = Trigger(branch="master", size=1000, commits=2, all=True)
    assert read.input == CrossInput(
        members=(
            day,
            PfsInput(name="t", repo="t", trigger=grown),
            PfsInput(name="u", repo="t", trigger=Trigger(branch="b", cron_spec="0 6 * * *")),
        )
    )
    assert [leaf.branch for leaf in inputs(read)] == ["master", "a-trigger-1", "a-trigger-2"]
    assert parse(json.dumps(spec_json(read))) == read


def test_what_is_lazy_in_any_case_is_said_to_be():
    warnings: list[str] = []
    lazy = {"pfs": {"repo": "t", "glob": "/", "lazy": True, "empty_files": True}}
    assert parse(small(input=lazy), warnings=warnings) == parse(small())
    assert [warning.partition(": ")[2] for warning in warnings] == [
        "input.pfs.lazy: files are read when they are opened in any case; ignored",
        "input.pfs.empty_files: files that are not opened cost nothing; they have their sizes; ignored",
    ]


def test_several_specs_come_as_a_list_as_documents_or_one_after_the_other():
    one, two = small(), small(pipeline={"name": "b"})
    for text in (f"[{one}, {two}]", f"{one}\n{two}", f"---\n{one}\n---\n{two}\n---\n"):
        assert [spec.name for spec in parse_specs(text, source="spec")] == ["a", "b"]


def test_what_is_not_said_has_its_default():
    assert parse(small()) == Spec(
        name="a",
        transform=Transform(cmd=("x",)),
        input=PfsInput(name="t", repo="t", branch="master", glob="/"),
    )


def test_numbers_may_be_written_in_quotes_and_no_workers_means_not_said():
    assert parse(small(datum_tries="2")).datum_tries == 2
    assert parse(small(parallelism_spec={"constant": "0"})).parallelism is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300s", 300), ("1h2m3s", 3723), ("1.5s", 1.5), ("250ms", 0.25), ("1ns", 0.001), ("2µs", 0.001)],
)
def test_times_are_written_as_in_go_and_rounded_up_to_milliseconds(text, seconds):
    assert parse(small(datum_timeout=text)).datum_timeout == seconds


@pytest.mark.parametrize("nothing", [None, False, "", []])
def test_a_field_for_later_that_asks_for_nothing_is_taken(nothing):
    assert parse(small(s3_out=nothing, tf_job=nothing)) == parse(small())


@pytest.mark.parametrize(
    "field", ["podSpec", "pod_spec", "tolerations", "scheduling_spec", "resourceRequests", "metadata"]
)
def test_a_field_for_kubernetes_is_taken_with_one_warning(field):
    warnings: list[str] = []
    assert parse(small(**{field: {"anything": [1]}}), warnings=warnings) == parse(small())
    (warning,) = warnings
    assert warning.startswith("spec:1:")
    assert warning.endswith(f": {field}: only means something on Kubernetes; ignored")


def test_an_image_is_taken_or_left_out_on_request():
    text = small(transform={"cmd": ["x"], "image": "ubuntu:14.04"})
    spec = parse(text)
    assert spec.transform.image == "ubuntu:14.04"
    assert parse(text, ignore_image=True) == parse(small())


@pytest.mark.parametrize(
    ("written", "bytes_", "cores"),
    [
        ('{"memory": "64Mi"}', 64 << 20, None),
        ('{"memory": "1.5G", "cpu": 2}', 1_500_000_000, 2.0),
        ('{"memory": 8388608, "cpu": 0.5}', 8 << 20, 0.5),
        ('{"cpu": "250m"}', None, 0.25),
    ],
)
def test_limits_are_what_kubernetes_understands(written, bytes_, cores):
    spec = parse(small(resource_limits=json.loads(written)))
    assert spec.limits == Limits(memory=bytes_, cpu=cores)
    assert parse(json.dumps(spec_json(spec))) == spec


def test_what_a_command_may_use_and_reach_does_not_change_its_datums():
    plain = parse(small())
    limited = parse(small(resource_limits={"memory": "1G"}, transform={"cmd": ["x"], "network": "none"}))
    assert transform_key(plain) == transform_key(limited)


# ---- services


def service(text: str) -> Spec:
    return parse_service(text, source="spec", default_name="jupyter", ignore_image=True)


def leaf(**more: object) -> str:
    return small(service={"internal_port": 8888}, input={"pfs": {"repo": "trips", **more}})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({}, PfsInput(name="trips", repo="trips")),
        ({"commit": "master.31"}, PfsInput(name="trips", repo="trips", commit="master.31")),
        ({"commit": "master/30"}, PfsInput(name="trips", repo="trips", commit="master.31")),
        ({"commit": "dev/0"}, PfsInput(name="trips", repo="trips", branch="dev", commit="dev.1")),
        (
            {"commit": "dev~2", "branch": "dev"},
            PfsInput(name="trips", repo="trips", branch="dev", commit="dev~2"),
        ),
        ({"commit": "ab" * 16}, PfsInput(name="trips", repo="trips", commit="ab" * 16)),
        ({"follow": True}, PfsInput(name="trips", repo="trips", follow=True)),
        ({"glob": "/2016"}, PfsInput(name="trips", repo="trips", glob="/2016")),
    ],
)
def test_a_service_pins_its_inputs_or_follows_them(written, meant):
    assert inputs(service(leaf(**written))) == (meant,)


def test_a_service_without_a_name_has_the_default_one_and_without_inputs_the_whole_mount():
    spec = service(
        '{"transform": {"cmd": ["jupyter", "lab"]}, "service": {"internalPort": 8888, "externalPort": 30888}}'
    )
    assert (spec.name, spec.input) == ("jupyter", None)
    assert spec.service == Service(internal_port=8888, external_port=30888)


def test_a_service_is_reached_at_its_own_port_unless_another_is_given():
    assert service(leaf()).service == Service(internal_port=8888, external_port=8888)


OLD_JOB = """{
  "service": {"internal_port": 8888, "external_port": 30888},
  "transform": {
    "image": "pachyderm_jupyter",
    "cmd": ["sh"],
    "stdin": ["/opt/conda/bin/jupyter notebook"]
  },
  "parallelism_spec": {"strategy": "CONSTANT", "constant": 1},
  "inputs": [
    {"commit": {"repo": {"name": "trips"}, "id": "master/30"}},
    {"commit": {"repo": {"name": "weather"}, "id": "master/30"}},
    {"commit": {"repo": {"name": "sales"}, "id": "2d4ecd0e5c4f4e1f8e0f9bd1a9b0e9a2"}}
  ]
}"""


def test_the_old_job_form_is_a_service_on_commits_counted_from_zero():
    assert service(OLD_JOB) == Spec(
        name="jupyter",
        transform=Transform(cmd=("sh",), stdin=("/opt/conda/bin/jupyter notebook",)),
        input=CrossInput(
            members=(
                PfsInput(name="trips", repo="trips", commit="master.31"),
                PfsInput(name="weather", repo="weather", commit="master.31"),
                PfsInput(name="sales", repo="sales", commit="2d4ecd0e5c4f4e1f8e0f9bd1a9b0e9a2"),
            )
        ),
        parallelism=1,
        service=Service(internal_port=8888, external_port=30888),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"image": "pachyderm_jupyter",', "", None),
        (
            '"master/30"',
            "30",
            '10:50: inputs[0].commit.id: expected text, found the number 30; put it in quotes: "30"',
        ),
        (
            '"name": "weather"',
            '"nmae": "x"',
            "11:26: inputs[1].commit.repo.nmae: unknown field; did you mean 'name'?",
        ),
        (
            '"constant": 1',
            '"constant": 2',
            "8:23: parallelism_spec: a service is one process; constant must be 1",
        ),
        ('"name": "weather"', '"name": "trips"', "9:13: inputs: two inputs are called 'trips'"),
        ('"inputs"', '"parent_job": "x", "inputs"', "9:3: parent_job: not supported"),
        (', "id": "2d4ecd0e5c4f4e1f8e0f9bd1a9b0e9a2"', "", "12:16: inputs[2].commit: id is missing"),
    ],
)
def test_mistakes_in_the_old_form_are_refused_where_they_stand(old, new, message):
    text = OLD_JOB.replace(old, new, 1)
    if message is None:
        assert service(text) == service(OLD_JOB)
        return
    with pytest.raises(SpecError) as caught:
        service(text)
    assert str(caught.value).startswith(f"spec:{message}")


# ---- there and back

names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(lambda name: name != "out")
# JSON writes DEL as it is and characters beyond the first plane as two escapes; YAML takes neither.
text = st.text(
    st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"], exclude_characters="\0\x7f"), max_size=8
)
seconds = st.none() | st.integers(1, 10**11).map(lambda ms: ms / 1000)
globs = st.sampled_from(["/", "/*", "/**/*.csv", "/{a,b}/[!c]?", "\\("])
transforms = st.builds(
    Transform,
    cmd=st.tuples(text.filter(bool), text),
    stdin=st.lists(text, max_size=2).map(tuple),
    env=st.dictionaries(text.filter(lambda name: name and "=" not in name), text, max_size=3),
    working_dir=st.none() | text.map("/{}".format),
    accept_return_code=st.sets(st.integers(0, 255), max_size=3).map(lambda codes: tuple(sorted(codes))),
    err_cmd=st.tuples(text.filter(bool), text),
    err_stdin=st.lists(text, max_size=2).map(tuple),
    user=st.none() | text.filter(bool),
    datum_batching=st.booleans(),
)
sets = st.sampled_from(["number", "size_bytes", "per_worker"]).flatmap(
    lambda name: st.builds(DatumSet, **{name: st.integers(1, 1 << 40)})
)


def trees(leaves: st.SearchStrategy[PfsInput]) -> st.SearchStrategy[object]:
    crosses = lambda inner: st.builds(CrossInput, members=st.lists(inner, min_size=1, max_size=3).map(tuple))  # noqa: E731
    return st.recursive(leaves, crosses, max_leaves=4)


plain_leaves = st.builds(PfsInput, name=names, repo=names, branch=names, glob=globs)
pinned_leaves = st.builds(
    PfsInput, name=names, repo=names, branch=names, glob=globs, commit=names.map("{}.3".format)
)
following_leaves = st.builds(PfsInput, name=names, repo=names, branch=names, glob=globs, follow=st.booleans())
ports = st.integers(1, 65535)
pipelines = st.builds(
    Spec,
    name=names,
    transform=transforms,
    description=text,
    input=trees(plain_leaves),
    parallelism=st.none() | st.integers(1, 1000),
    datum_tries=st.integers(1, 1000),
    datum_timeout=seconds,
    job_timeout=seconds,
    datum_set=st.none() | sets,
    output_branch=names,
)
services = st.builds(
    Spec,
    name=names,
    transform=transforms.map(
        lambda each: replace(each, err_cmd=(), err_stdin=(), user=None, datum_batching=False)
    ),
    input=st.none() | trees(pinned_leaves | following_leaves),
    service=st.builds(Service, internal_port=ports, external_port=ports),
)


@given((pipelines | services).filter(lambda spec: len({i.name for i in inputs(spec)}) == len(inputs(spec))))
def test_a_spec_written_out_is_read_back_as_it_was(spec):
    document = spec_json(spec)
    assert parse(json.dumps(document)) == spec
    assert parse("---\n" + json.dumps(document)) == spec  # the YAML reader's turn
    assert spec_json(parse(json.dumps(document))) == document


def test_the_written_form_leaves_out_what_was_not_said():
    assert spec_json(parse(small())) == {
        "pipeline": {"name": "a"},
        "transform": {"cmd": ["x"]},
        "input": {"pfs": {"name": "t", "repo": "t", "branch": "master", "glob": "/"}},
    }


@pytest.mark.parametrize(
    "more",
    [
        {"reprocess_spec": "every_job"},
        {"salt": "s"},
        {"egress": {"URL": "s3://bucket/prefix"}},
        {
            "egress": {
                "sql_database": {"url": "sqlite:///x", "file_format": {"type": "CSV", "columns": ["a"]}}
            }
        },
    ],
    ids=str,
)
def test_a_section_comes_back_as_it_was_written(more):
    assert {key: spec_json(parse(small(**more)))[key] for key in more} == more


def test_an_object_storage_is_a_url():
    given = small(egress={"object_storage": {"url": "s3://a"}})
    assert parse(given) == parse(small(egress={"URL": "s3://a"}))
