"""What a datum is, when two are the same, and in which order they come."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.pipeline import (
    CrossInput,
    PfsInput,
    Spec,
    Transform,
    enumerate_datums,
    make_datum,
    transform_key,
)
from pfsfuse.pipeline.datum import DatumInput
from store import CommitId


def spec_of(*leaves: PfsInput, **more) -> Spec:
    transform = more.pop("transform", Transform(cmd=("true",)))
    tree = leaves[0] if len(leaves) == 1 else CrossInput(members=leaves) if leaves else None
    return Spec(name="sales", transform=transform, input=tree, **more)


def leaf(name: str, glob: str, **more) -> PfsInput:
    return PfsInput(name=name, repo=more.pop("repo", name), glob=glob, **more)


def paths(datums) -> list[tuple[str, ...]]:
    return [tuple(given.path for given in datum.inputs) for datum in datums]


def test_there_is_one_datum_for_each_match(commit_of):
    datums = list(enumerate_datums(spec_of(leaf("trips", "/*")), [commit_of(["b", "a", "c/d"])]))
    assert paths(datums) == [("a",), ("b",), ("c",)]
    assert all(re.fullmatch("[0-9a-f]{64}", datum.id) for datum in datums)


def test_the_whole_repo_is_one_datum_even_when_it_is_empty(commit_of):
    assert paths(enumerate_datums(spec_of(leaf("trips", "/")), [commit_of([])])) == [("/",)]


def test_a_cross_is_every_combination_the_first_input_turning_slowest(commit_of):
    spec = spec_of(leaf("b", "/*"), leaf("a", "/*"))
    datums = enumerate_datums(spec, [commit_of(["x", "y"]), commit_of(["1", "2"])])
    assert paths(datums) == [("x", "1"), ("x", "2"), ("y", "1"), ("y", "2")]


def test_a_cross_of_crosses_is_the_cross_of_their_members(commit_of):
    inner = CrossInput(members=(leaf("b", "/*"), leaf("c", "/*")))
    spec = spec_of(CrossInput(members=(leaf("a", "/"), inner)))
    commits = [commit_of(["1"]), commit_of(["x"]), commit_of(["y", "z"])]
    assert paths(enumerate_datums(spec, commits)) == [("/", "x", "y"), ("/", "x", "z")]


def test_a_cross_with_a_member_without_matches_has_no_datum_and_the_first_is_not_read(commit_of):
    full = commit_of(["x", "y"])
    spec = spec_of(leaf("a", "/*"), leaf("b", "/*.csv"))
    assert list(enumerate_datums(spec, [full, commit_of(["1"])])) == []
    assert full.asked == []


def test_datums_stream_from_the_first_input(commit_of):
    commit = commit_of(["a/1", "b/1", "c/1"])
    next(enumerate_datums(spec_of(leaf("trips", "/*/*")), [commit]))
    assert ("list", b"c") not in commit.asked


def test_a_spec_without_inputs_has_one_datum():
    (datum,) = enumerate_datums(spec_of(), [])
    assert datum.inputs == ()


def ids(spec: Spec, commit) -> list[str]:
    return [datum.id for datum in enumerate_datums(spec, [commit])]


@pytest.mark.parametrize(
    "other",
    [
        spec_of(leaf("trips", "/*"), description="x", parallelism=8, datum_tries=1, datum_timeout=1.0),
        spec_of(leaf("trips", "/*", branch="dev"), job_timeout=2.0, output_branch="dev"),
        spec_of(leaf("trips", "/?*", commit="master.3")),
        msgspec.structs.replace(spec_of(leaf("trips", "/*")), name="other"),
        spec_of(leaf("trips", "/*"), transform=Transform(cmd=("true",), err_cmd=("true",), err_stdin=("x",))),
    ],
)
def test_what_does_not_change_a_result_does_not_change_an_id(commit_of, other):
    commit = commit_of(["a", "b"])
    assert ids(other, commit) == ids(spec_of(leaf("trips", "/*")), commit)


@pytest.mark.parametrize(
    "other",
    [
        spec_of(leaf("trips", "/*"), transform=Transform(cmd=("false",))),
        spec_of(leaf("trips", "/*"), transform=Transform(cmd=("true",), stdin=("",))),
        spec_of(leaf("trips", "/*"), transform=Transform(cmd=("true",), env={"A": ""})),
        spec_of(leaf("trips", "/*"), transform=Transform(cmd=("true",), working_dir="/")),
        spec_of(leaf("trips", "/*"), transform=Transform(cmd=("true",), accept_return_code=(1,))),
        spec_of(leaf("trips", "/*"), transform=Transform(cmd=("true",), user="nobody")),
        spec_of(leaf("rides", "/*", repo="trips")),
        spec_of(leaf("trips", "/*", repo="rides")),
    ],
)
def test_what_can_change_a_result_changes_every_id(commit_of, other):
    commit = commit_of(["a", "b"])
    assert set(ids(other, commit)).isdisjoint(ids(spec_of(leaf("trips", "/*")), commit))


def test_adding_a_file_leaves_the_ids_of_the_others(commit_of):
    spec = spec_of(leaf("trips", "/*"))
    before, after = ids(spec, commit_of(["a", "c"])), ids(spec, commit_of(["a", "b", "c"]))
    assert before == [after[0], after[2]]


def test_changed_contents_and_renames_change_the_id(commit_of):
    spec = spec_of(leaf("trips", "/*"))
    found = [
        ids(spec, commit_of(files)) for files in ({"d/a": b"1"}, {"d/a": b"2"}, {"d/b": b"1"}, {"e/a": b"1"})
    ]
    assert len({one for (one,) in found}) == 4


def test_the_order_of_inputs_does_not_change_the_id():
    commit = CommitId(bytes(16))
    one = DatumInput("a", "a", "master", commit, "/", bytes(32))
    two = DatumInput("b", "b", "master", commit, "x", bytes(32))
    assert make_datum(b"key", (one, two)).id == make_datum(b"key", (two, one)).id


def test_ids_never_change_between_versions():
    given = DatumInput("trips", "trips", "master", CommitId(bytes(16)), "7-01-16", bytes(range(32)))
    key = transform_key(
        spec_of(transform=Transform(cmd=("sh", "-c", "x"), stdin=("y",), env={"B": "2", "A": "1"}))
    )
    assert key.hex() == "cec426fa6c8cbeae81e8c7adc23b752090b38157b933ccaebd91fcb9ded329d9"
    assert make_datum(key, (given,)).id == "0c0a766c547fd0296089bfd34ccc56d16f81d958431ca5c8f823e4c5173ff463"


words = st.lists(st.text(alphabet="ab", max_size=2), max_size=3).map(tuple)


@given(words, words, words, words)
def test_moving_words_between_fields_never_gives_the_same_key(cmd, stdin, other_cmd, other_stdin):
    one = transform_key(spec_of(transform=Transform(cmd=cmd, stdin=stdin)))
    two = transform_key(spec_of(transform=Transform(cmd=other_cmd, stdin=other_stdin)))
    assert (one == two) is ((cmd, stdin) == (other_cmd, other_stdin))


def test_a_name_that_is_not_utf8_is_a_path_as_the_os_module_spells_it(commit_of):
    datums = enumerate_datums(spec_of(leaf("trips", "/*")), [commit_of([b"\xff"])])
    assert paths(datums) == [("\udcff",)]


def test_a_hundred_thousand_datums_stream_without_holding_their_product(commit_of):
    commits = [commit_of([f"{i:04}" for i in range(n)]) for n in (400, 250)]
    assert sum(1 for _ in enumerate_datums(spec_of(leaf("a", "/*"), leaf("b", "/*")), commits)) == 100_000
