"""Which pipeline feeds which."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import (
    CrossInput,
    PfsInput,
    Spec,
    Transform,
    check_acyclic,
    downstream_of,
    topological_order,
    upstream_of,
)


def pipelines(**reads: str) -> dict[str, Spec]:
    """`sales="trips weather@dev"`: the pipeline sales reads these repos and branches."""
    return {name: pipeline(name, sources.split()) for name, sources in reads.items()}


def pipeline(name: str, sources: list[str], output_branch: str = "master") -> Spec:
    leaves = []
    for source in sources:
        repo, _, branch = source.partition("@")
        leaves.append(PfsInput(name=repo, repo=repo, branch=branch or "master"))
    return Spec(
        name=name,
        transform=Transform(cmd=("true",)),
        input=CrossInput(members=tuple(leaves)),
        output_branch=output_branch,
    )


def test_a_pipeline_comes_after_everything_that_feeds_it_and_else_in_order_of_name():
    specs = pipelines(report="sales model", model="clean", sales="trips", clean="trips")
    assert topological_order(specs) == ("clean", "sales", "model", "report")


def test_downstream_is_everything_a_commit_sets_going():
    specs = pipelines(report="sales model", model="clean", sales="trips", clean="weather", other="x")
    assert downstream_of("trips", specs) == ("sales", "report")
    assert downstream_of("weather", specs) == ("clean", "model", "report")
    assert downstream_of("sales", specs) == ("report",)
    assert downstream_of("report", specs) == ()
    assert downstream_of("nothing", specs) == ()


def test_downstream_can_be_asked_for_one_branch():
    specs = pipelines(live="trips", trial="trips@dev")
    assert downstream_of("trips", specs) == ("live", "trial")
    assert downstream_of("trips", specs, branch="dev") == ("trial",)


def test_an_input_that_never_propagates_is_set_going_by_nothing():
    specs = pipelines(sales="trips", report="sales")
    quiet = CrossInput(members=(PfsInput(name="sales", repo="sales", propagation_spec="never"),))
    specs["report"] = replace(specs["report"], input=quiet)
    assert downstream_of("trips", specs) == ("sales",)
    assert upstream_of("report", specs) == ("sales",)


def test_upstream_is_every_pipeline_that_feeds_one():
    specs = pipelines(report="sales model", model="clean", sales="trips", clean="weather", other="x")
    assert upstream_of("report", specs) == ("clean", "sales", "model")
    assert upstream_of("sales", specs) == ()


@pytest.mark.parametrize(
    ("reads", "cycle"),
    [
        ({"a": "a"}, "a -> a"),
        ({"b": "a", "a": "b x"}, "a -> b -> a"),
        ({"c": "b", "a": "c", "b": "a", "z": "a"}, "a -> b -> c -> a"),
    ],
)
def test_a_cycle_is_refused_and_told(reads, cycle):
    with pytest.raises(SpecError, match="circle") as caught:
        check_acyclic(pipelines(**reads))
    assert str(caught.value).endswith(cycle)


def test_reading_another_branch_of_what_one_writes_is_no_cycle():
    check_acyclic({"a": pipeline("a", ["a@staging"], output_branch="master")})


def test_a_chain_of_thousands_is_ordered():
    specs = {f"p{i}": pipeline(f"p{i}", [f"p{i + 1}"]) for i in range(5000)}
    assert topological_order(specs)[0] == "p4999"


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefx"), max_size=3).map(" ".join))
)
def test_an_order_is_given_exactly_when_there_is_no_cycle(reads):
    specs = pipelines(**reads)
    try:
        order = topological_order(specs)
    except SpecError as error:
        cycle = str(error).split(": ")[1].split(" -> ")
        assert all(before in reads[after].split() for before, after in pairwise(cycle))
    else:
        for name, sources in reads.items():
            assert all(order.index(s) < order.index(name) for s in sources.split() if s in reads)
