"""How matches of several inputs become datums."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.pipeline import Datum, Spec, enumerate_datums, inputs, parse_specs

Pfs = dict[str, dict[str, object]]


def pfs(repo: str, glob: str = "/*", **more: object) -> Pfs:
    return {"pfs": {"repo": repo, "glob": glob, **more}}


def spec_of(tree: object) -> Spec:
    document = {"pipeline": {"name": "sales"}, "transform": {"cmd": ["true"]}, "input": tree}
    (spec,) = parse_specs(json.dumps(document), source="test")
    return spec


def datums(commit_of, tree: object, **repos: str) -> list[Datum]:
    spec = spec_of(tree)
    return list(enumerate_datums(spec, [commit_of(repos[leaf.repo].split()) for leaf in inputs(spec)]))


def shown(found: list[Datum]) -> list[str]:
    """Each datum as `name:path name:path`."""
    return [" ".join(f"{each.name}:{each.path}" for each in datum.inputs) for datum in found]


def joined(repo: str) -> Pfs:
    return pfs(repo, "/(*)-*", join_on="$1")


def grouped(repo: str) -> Pfs:
    return pfs(repo, "/(*)-*", group_by="$1")


A, B, C = map(joined, "abc")
BOTH = pfs("a", "/(*)-*", join_on="$1", group_by="$1")


def outer(member: Pfs) -> Pfs:
    return {"pfs": member["pfs"] | {"outer_join": True}}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        # inner joins: the first member's matches in path order, each with all that agree
        ({"join": [A, B]}, ["a:1-x b:1-p", "a:1-x b:1-q", "a:1-y b:1-p", "a:1-y b:1-q", "a:2-x b:2-p"]),
        ({"join": [B, A]}, ["b:1-p a:1-x", "b:1-p a:1-y", "b:1-q a:1-x", "b:1-q a:1-y", "b:2-p a:2-x"]),
        ({"join": [A, B, C]}, ["a:2-x b:2-p c:2-o"]),
        ({"join": [A]}, ["a:1-x", "a:1-y", "a:2-x", "a:3-x"]),
        # outer joins: a key that some lack is kept by the outer members that have it
        ({"join": [outer(A), C]}, ["a:1-x", "a:1-y", "a:2-x c:2-o", "a:3-x"]),
        ({"join": [A, outer(C)]}, ["a:2-x c:2-o", "c:4-o"]),
        ({"join": [outer(A), outer(C)]}, ["a:1-x", "a:1-y", "a:2-x c:2-o", "a:3-x", "c:4-o"]),
        (
            {"join": [outer(A), B, outer(C)]},
            ["a:1-x", "a:1-y", "a:2-x b:2-p c:2-o", "a:3-x", "c:4-o"],
        ),
        ({"join": [A, outer(B), C]}, ["a:2-x b:2-p c:2-o", "b:1-p", "b:1-q"]),
        ({"join": [B, outer(A), outer(C)]}, ["b:2-p a:2-x c:2-o", "a:1-x", "a:1-y", "a:3-x", "c:4-o"]),
        # groups: one datum a key
        ({"group": [grouped("a")]}, ["a:1-x a:1-y", "a:2-x", "a:3-x"]),
        ({"group": [grouped("a"), grouped("c")]}, ["a:1-x a:1-y", "a:2-x c:2-o", "a:3-x", "c:4-o"]),
        # nested
        ({"group": [{"join": [BOTH, B]}]}, ["a:1-x b:1-p b:1-q a:1-y", "a:2-x b:2-p"]),
        ({"union": [{"join": [A, C]}, {"group": [grouped("c")]}]}, ["a:2-x c:2-o", "c:2-o", "c:4-o"]),
        ({"cross": [{"group": [grouped("c")]}, pfs("d")]}, ["c:2-o d:z", "c:4-o d:z"]),
        ({"join": [{"cross": [C, pfs("d")]}, A]}, ["c:2-o d:z a:2-x"]),
        (
            {"group": [{"union": [grouped("a"), grouped("c")]}]},
            ["a:1-x a:1-y", "a:2-x c:2-o", "a:3-x", "c:4-o"],
        ),
        # unions: one member after the other, of the same name or not
        ({"union": [pfs("c"), pfs("d")]}, ["c:2-o", "c:4-o", "d:z"]),
        ({"union": [pfs("c", name="in"), pfs("d", name="in")]}, ["in:2-o", "in:4-o", "in:z"]),
        ({"union": [pfs("d"), pfs("c", "/nothing")]}, ["d:z"]),
    ],
)
def test_inputs_are_combined_as_written(commit_of, tree, expected):
    repos = {"a": "1-x 1-y 2-x 3-x", "b": "1-p 1-q 2-p", "c": "2-o 4-o", "d": "z"}
    assert shown(datums(commit_of, tree, **repos)) == expected


def test_a_file_that_two_members_of_a_group_match_is_in_both(commit_of):
    tree = {"group": [pfs("a", "/(*)", group_by="$1"), pfs("a", "/(x)", name="again", group_by="$1")]}
    assert shown(datums(commit_of, tree, a="x y")) == ["a:x again:x", "a:y"]


def test_datums_carry_what_their_keys_were(commit_of):
    tree = {"group": [{"join": [pfs("a", "/(*)-(*)", join_on="$1", group_by="$2$1")]}]}
    ((given,),) = [datum.inputs for datum in datums(commit_of, tree, a="1-x")]
    assert (given.join_on, given.group_by) == ("1", "x1")


def test_a_key_enters_the_identity_since_commands_are_told(commit_of):
    ids = [
        datums(commit_of, {"group": [pfs("a", "/(*)", group_by=key)]}, a="x")[0].id for key in ("$1", "-$1")
    ]
    assert ids[0] != ids[1]


def test_what_a_reference_holds_does_not_enter_the_identity_but_its_path_does(commit_of):
    spec = spec_of({"cross": [pfs("a"), pfs("b", reference=True)]})
    a = commit_of({"x": b"1"})
    ids = [
        next(enumerate_datums(spec, [a, commit_of(b)])).id for b in ({"m": b"1"}, {"m": b"2"}, {"n": b"1"})
    ]
    assert ids[0] == ids[1] != ids[2]


keys = st.text(alphabet="ab", max_size=1)
members = st.lists(
    st.tuples(st.lists(st.tuples(keys, st.sampled_from("xyz")), max_size=4, unique=True), st.booleans()),
    min_size=1,
    max_size=3,
)


@given(members)
def test_a_join_agrees_with_combining_everything_key_by_key(commit_of, members):
    """The model: for each key the members that have it, combined; those that are not outer left out if any lacks it."""
    repos = [[f"{key}-{rest}" for key, rest in files] for files, _ in members]
    expected = set()
    for key in {path.split("-")[0] for repo in repos for path in repo}:
        matches = [sorted(path for path in repo if path.split("-")[0] == key) for repo in repos]
        complete = all(matches)
        rows: list[tuple[str, ...]] = [()]
        for place, (found, (_, is_outer)) in enumerate(zip(matches, members, strict=True)):
            if found and (complete or is_outer):
                rows = [(*row, f"{place}:{path}") for row in rows for path in found]
        expected.update(row for row in rows if row)
    tree = {
        "join": [
            pfs(f"r{place}", "/(*)-?", name=str(place), join_on="$1", outer_join=is_outer)
            for place, (_, is_outer) in enumerate(members)
        ]
    }
    found = list(enumerate_datums(spec_of(tree), [commit_of(repo) for repo in repos]))
    rows = [tuple(f"{each.name}:{each.path}" for each in datum.inputs) for datum in found]
    assert len(rows) == len(set(rows))
    assert set(rows) == expected
