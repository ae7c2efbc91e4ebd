"""Globs and inputs: which datums there are."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from rows import SAME, cases, row

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import compile_glob, enumerate_datums, inputs, parse_specs
from store import Store

PATHS = ["", "a", "a.csv", "a/b", "a/b/c", "ab", "ab.csv", "b", "b.csv", "[x]"]
TOP = "a a.csv ab ab.csv b b.csv [x]"


@cases(
    "what a glob matches",
    "glob matches",
    [
        ("/", "/", SAME),
        ("/*", TOP, SAME),
        ("*", TOP, SAME),
        ("/*/*", "a/b", SAME),
        ("/**", f"{TOP} a/b a/b/c", SAME),
        ("/***", f"{TOP} a/b a/b/c", SAME),
        ("/a/", "a", SAME),
        ("/?", "a b", SAME),
        ("/[a-c]", "a b", SAME),
        ("/[!a]", "b", SAME),
        ("/[^a]", "b", SAME),
        ("/a[!x]b", "a/b", SAME),  # a class that is negated matches `/`, too
        ("/[[:alpha:]]", "a b", SAME),
        ("/{a,b}", "a b", SAME),
        ("/{a,{b,x}*}", "a b b.csv", SAME),
        ("/(a|b)", "a b", SAME),
        ("/@(a|b)", "a b", SAME),
        ("/*(a|b)", "a ab b", SAME),
        ("/+(a|b)", "a ab b", SAME),
        ("/a?(b)", "a ab", SAME),
        ("/!(a|b)", "a.csv ab ab.csv b.csv [x]", SAME),
        (r"/\[x\]", "[x]", SAME),
        ("/!(a).csv", "ab.csv b.csv", "all but `a.csv`; there, `ab.csv` is left out, too"),
    ],
)
def test_what_a_glob_matches(glob: str, matches: str) -> None:
    compiled = compile_glob(glob)
    found = {path or "/" for path in PATHS if compiled.matches(path.encode())}
    assert found == set(matches.split())


@row("groups are numbered by their opening parentheses, and stand in `join_on` and `group_by` as `$1`")
@row("`$1` without such a group is empty", "refused: it would be empty everywhere")
def test_groups_are_numbered() -> None:
    assert compile_glob("/((*)-(*)).csv").captures(b"1-2.csv") == ("1-2", "1", "2")
    with pytest.raises(SpecError):
        parse({"group": [pfs("a", "/*", group_by="$1")]})


# ---- inputs


def pfs(repo: str, glob: str = "/*", **more: object) -> dict[str, dict[str, object]]:
    return {"pfs": {"repo": repo, "glob": glob, **more}}


def join(repo: str, **more: object) -> dict[str, dict[str, object]]:
    return pfs(repo, "/(*)-*", join_on="$1", **more)


def group(repo: str, **more: object) -> dict[str, dict[str, object]]:
    return pfs(repo, "/(*)-*", group_by="$1", **more)


def parse(tree: object):
    document = {"pipeline": {"name": "sales"}, "transform": {"cmd": ["true"]}}
    (spec,) = parse_specs(json.dumps(document | ({} if tree is None else {"input": tree})), source="test")
    return spec


@pytest.fixture(scope="module")
def repos(shared: Store) -> Iterator[Store]:
    """Files in `a` and `b`, nothing in `none`, directories in `days`."""
    contents = {
        "a": ["1-x", "1-y", "2-x"],
        "b": ["1-p", "2-p", "3-p"],
        "none": [],
        "days": ["2016/07/30", "2016/07/31", "2017/01"],
    }
    for name, paths in contents.items():
        with shared.create_repo(name).edit(allow_empty=True) as edit:
            for path in paths:
                edit.write(path, path.encode())
    yield shared
    for name in contents:
        shared.delete_repo(name)


def datums(store: Store, tree: object) -> dict[str, str]:
    """Each datum, as the paths that it reads, and its id."""
    spec = parse(tree)
    commits = [store.repo(leaf.repo).commit() for leaf in inputs(spec)]
    found = enumerate_datums(spec, commits)
    return {" ".join(each.path for each in datum.inputs): datum.id for datum in found}


OUTER = {"outer_join": True}


@cases(
    "how inputs become datums",
    "what tree expected",
    [
        ("`/`: the whole repo", pfs("days", "/"), ["/"], SAME),
        ("`/*`: each at the top, a directory with all in it", pfs("days"), ["2016", "2017"], SAME),
        ("`/*/*`: each in those", pfs("days", "/*/*"), ["2016/07", "2017/01"], SAME),
        (
            "`/**`: everything, directories besides what is in them",
            pfs("days", "/**"),
            ["2016", "2016/07", "2016/07/30", "2016/07/31", "2017", "2017/01"],
            SAME,
        ),
        ("no match", pfs("days", "/x*"), [], SAME),
        ("cross: each with each", {"cross": [pfs("a", "/1*"), pfs("b", "/[12]*")]},
         ["1-x 1-p", "1-x 2-p", "1-y 1-p", "1-y 2-p"], SAME),
        ("cross with an empty member: none", {"cross": [pfs("a"), pfs("none")]}, [],
         "none, and the job says which member had nothing"),
        ("union: one after the other", {"union": [pfs("a"), pfs("b", "/1*")]}, ["1-x", "1-y", "2-x", "1-p"], SAME),
        ("union: members of one name", {"union": [pfs("a", name="in"), pfs("b", "/1*", name="in")]},
         ["1-x", "1-y", "2-x", "1-p"], SAME),
        ("join: where the keys are the same", {"join": [join("a"), join("b")]},
         ["1-x 1-p", "1-y 1-p", "2-x 2-p"], SAME),
        ("join: an outer member is kept alone", {"join": [join("a"), join("b", **OUTER)]},
         ["1-x 1-p", "1-y 1-p", "2-x 2-p", "3-p"], SAME),
        ("group: all files of one key", {"group": [group("a"), group("b")]},
         ["1-x 1-y 1-p", "2-x 2-p", "3-p"], SAME),
        ("a cross of a group", {"cross": [{"group": [group("a")]}, pfs("b", "/3*")]},
         ["1-x 1-y 3-p", "2-x 3-p"], SAME),
    ],
)  # fmt: skip
def test_how_inputs_become_datums(repos: Store, what: str, tree: object, expected: list[str]) -> None:
    assert list(datums(repos, tree)) == expected


@row("the order of members does not enter a datum's identity")
def test_the_order_of_members_does_not_matter(repos: Store) -> None:
    members = [pfs("a"), pfs("b")]
    assert set(datums(repos, {"cross": members}).values()) == set(
        datums(repos, {"cross": members[::-1]}).values()
    )


@row(
    "an input that is a reference does not enter the identity of a datum",
    "its paths do, what the files hold does not",
)
def test_a_reference_does_not_enter_the_identity(repos: Store) -> None:
    tree = {"cross": [pfs("a", "/1-x"), pfs("b", "/1*", reference=True)]}
    before = datums(repos, tree)
    with repos.repo("b").edit() as edit:
        edit.write("1-p", b"changed")
    assert datums(repos, tree) == before
    with repos.repo("b").edit() as edit:
        edit.write("1-p", b"1-p")


@cases(
    "inputs that are refused",
    "what tree",
    [
        ("none at all", None, SAME),
        ("two kinds in one", {**pfs("a"), "cross": [pfs("b")]}, SAME),
        ("no glob", {"pfs": {"repo": "a"}}, SAME),
        ("two of one name in a cross", {"cross": [pfs("a"), pfs("a")]}, SAME),
        ("two of one name in a join", {"join": [join("a"), join("a")]}, SAME),
        ("the name `out`", pfs("a", name="out"), SAME),
        ("a commit", pfs("a", commit="master.1"), SAME),
        ("a join without `join_on`", {"join": [pfs("a"), join("b")]}, SAME),
        ("`s3`", pfs("a", "/", s3=True), "refused by name: there is no gateway"),
    ],
)  # fmt: skip
def test_inputs_that_are_refused(what: str, tree: object) -> None:
    with pytest.raises(SpecError):
        parse(tree)


@row(
    "`lazy` makes named pipes, `empty_files` empty files",
    "a warning: files are read when they are opened in any case",
)
def test_lazy_is_taken_with_a_warning() -> None:
    document = {"pipeline": {"name": "sales"}, "transform": {"cmd": ["true"]}}
    warnings: list[str] = []
    tree = {"cross": [pfs("a", lazy=True), pfs("b", empty_files=True)]}
    parse_specs(json.dumps(document | {"input": tree}), source="test", warnings=warnings)
    assert len(warnings) == 2
