"""Names, paths, and expressions for commits."""

from __future__ import annotations

import json

import pytest
from rows import SAME, cases, row

from pfsfuse.pipeline import inputs, parse_service
from store import BadName, Commit, Repo, Store, StoreError, names

ANY_BYTE = "taken: a name is any bytes that Linux takes"


@cases(
    "which names repos may have",
    "name taken",
    [
        *((name, True, SAME) for name in ("foo", "foo2", "bar", "5bar", "foo_bar", "foo-bar")),
        *((name, True, SAME) for name in ("1-2-3-4-5-6-7-8-9", "1_2-3_4-5_6-7_8-9")),
        *(
            (name, False, SAME)
            for name in ("foo+", "foo.bar", "foo^3", "^^^^^", ">.<", "(*)", "bizz, buzz", "    ", "")
        ),
        ("-foo", False, "refused: it would be taken for an option"),
        ("x" * 101, False, "refused: 100 characters are enough for a directory"),
        ("project/repo", False, "refused: there are no projects; each store is one"),
        ("repo.spec", False, "refused: specifications and datums are kept beside repos, not in them"),
    ],
)
def test_names_of_repos(name: str, taken: bool) -> None:
    assert names.may_be_repo(name) is taken


@cases(
    "which names branches may have",
    "name taken",
    [
        ("foo", True, SAME),
        ("1" * 12 + "4" + "1" * 19, False, SAME),  # looks like an id
        ("foo^3", False, SAME),
        ("foo bar", False, SAME),
        ("", False, SAME),
        ("1" * 32, False, "refused: every 32 hex digits are an id"),
        ("v1.2", True, "taken: it is how releases are called"),
    ],
)
def test_names_of_branches(name: str, taken: bool) -> None:
    try:
        names.branch(name)
    except BadName:
        assert not taken
    else:
        assert taken


@cases(
    "which paths files may have",
    "path taken",
    [
        (" ", True, SAME),
        ("~", True, SAME),
        ("A", True, SAME),
        ("a:b,c;d", True, SAME),
        ("a//b", True, SAME),
        ("/a/", True, SAME),
        ("a\0", False, SAME),
        ("../foo", False, SAME),
        ("foo/../../bar", False, SAME),
        ("foo/../bar", False, SAME),
        ("./foo", False, SAME),
        ("\x0b", True, ANY_BYTE),
        ("\x1f", True, ANY_BYTE),
        ("\x7f", True, ANY_BYTE),
        ("foobar*", True, "taken: a glob can escape it"),
        ("a[1]{2}(3)!@+^?", True, "taken: a glob can escape them"),
        ("é", True, ANY_BYTE),
        ("\udcff", True, ANY_BYTE),
    ],
)
def test_paths_of_files(path: str, taken: bool) -> None:
    try:
        names.path(path)
    except BadName:
        assert not taken
    else:
        assert taken


@pytest.fixture(scope="module")
def commits(shared: Store) -> tuple[Repo, list[Commit]]:
    """Three commits on master, and ten more on a branch that grows from there."""
    repo, made = shared.create_repo("ancestry"), []
    for number in range(13):
        with repo.edit(allow_empty=True) as edit:
            edit.write("file", str(number).encode())
        assert edit.result is not None
        made.append(edit.result)
        if number == 2:
            repo.create_branch("three", edit.result)
    return repo, made


@cases(
    "which commit an expression names",
    "expression number",
    [
        *((f"three{after}", 2, SAME) for after in ("", "^0", "~0", ".3")),
        *((f"three{after}", 1, SAME) for after in ("^", "~", "^1", "~1", ".2")),
        *((f"three{after}", 0, SAME) for after in ("^^", "~~", "^2", "~2", ".1")),
        *((f"three{after}", None, SAME) for after in ("^^^", "~~~", "^3", "~3", "^1000000")),
        *((f"master.{number}", number - 1, SAME) for number in (1, 2, 3)),  # ten commits later
        ("master^12", 0, SAME),
        ("three.2^1", 0, SAME),
        ("master.13^12", 0, SAME),
        ("three.1^2", None, SAME),
        ("three^1.1", None, SAME),
        ("three.0", None, SAME),
        ("nothing", None, SAME),
        ("three^~", 0, "two back: the two signs mean the same"),
        ("three^1^1", 0, "two back: steps are taken one after the other"),
        ("three.4", None, "an error, as all that is out of range, and not the head"),
        ("three^-1", None, "an error: an ancestor is not a descendant"),
        ("three^-0", None, "an error: a number has no sign"),
        ("three.-1", None, "an error: a number has no sign"),
        ("three@1999-01-01", None, "a time: the last commit finished by then, here none"),
    ],
)
def test_an_expression_leads_to_the_ancestor_it_counts(
    commits: tuple[Repo, list[Commit]], expression: str, number: int | None
) -> None:
    repo, made = commits
    if number is None:
        with pytest.raises(StoreError):
            repo.commit(expression)
    else:
        assert repo.commit(expression) == made[number]


@row("an id is taken in upper case, and with `^`")
def test_an_id_is_taken_in_upper_case_and_with_ancestors(commits: tuple[Repo, list[Commit]]) -> None:
    repo, made = commits
    assert repo.commit(str(made[1].id).upper()) == made[1]
    assert repo.commit(f"{made[1].id}^") == made[0]


@row("`branch.N` counts from the first ancestor, also of a branch that began at another")
def test_numbers_go_on_where_a_branch_began(commits: tuple[Repo, list[Commit]]) -> None:
    repo, made = commits
    with repo.edit("three") as edit:
        edit.write("other", b"")
    assert repo.commit("three.4") == edit.result
    assert repo.commit("three.1") == repo.commit("master.1") == made[0]
    repo.advance("three", expect=repo.commit("three").id, to=made[2].id)


@cases(
    "what `repo@ref:path` says",
    "text meaning",
    [
        ("ancestry", ("master", 13, b""), SAME),
        ("ancestry@three", ("three", 3, b""), SAME),
        ("ancestry@three:a/b", ("three", 3, b"a/b"), SAME),
        ("ancestry@three^:a", (None, 2, b"a"), SAME),
        ("ancestry@three.2:/", (None, 2, b""), SAME),
        ("ancestry:a", ("master", 13, b"a"), SAME),
        ("default/ancestry@three", None, "refused: there are no projects; each store is one"),
        ("ancestry.user@three", None, "refused: all repos are of one kind"),
        ("ancestry@three=id", None, "refused: an id alone names its commit"),
    ],
)
def test_what_text_names(
    shared: Store,
    commits: tuple[Repo, list[Commit]],
    text: str,
    meaning: tuple[str | None, int, bytes] | None,
) -> None:
    text = text.replace("=id", f"={commits[1][0].id}")
    try:
        target = shared.resolve(text)
    except StoreError:
        assert meaning is None
    else:
        assert target.commit is not None
        assert (target.branch, target.commit.depth, target.path) == meaning


@cases(
    "what `branch/N` says in the specifications of Pachyderm 1.3",
    "text ref",
    [
        ("master/0", "master.1", SAME),
        ("master/30", "master.31", SAME),
        ("master", "master", SAME),
        ("dev/1", "dev.2", "the second from the first ancestor, where it was the second made on the branch"),
    ],
)
def test_numbers_of_old_specifications(text: str, ref: str) -> None:
    job = {
        "service": {"internal_port": 8888},
        "transform": {"cmd": ["sh"]},
        "inputs": [{"commit": {"repo": {"name": "trips"}, "id": text}}],
    }
    (leaf,) = inputs(parse_service(json.dumps(job), source="job", default_name="jupyter"))
    assert leaf.commit == ref
