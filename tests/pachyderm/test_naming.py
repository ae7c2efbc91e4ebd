"""Names, paths and expressions for commits."""

from __future__ import annotations

import pytest

from store import BadName, Commit, Repo, Store, StoreError, names

SAME = ""


@pytest.mark.parametrize(
    ("name", "taken", "why"),
    [
        *((name, True, SAME) for name in ("foo", "foo2", "bar", "5bar", "foo_bar", "foo-bar")),
        *((name, True, SAME) for name in ("1-2-3-4-5-6-7-8-9", "1_2-3_4-5_6-7_8-9")),
        *(
            (name, False, SAME)
            for name in ("foo+", "foo.bar", "foo^3", "^^^^^", ">.<", "(*)", "bizz, buzz", "")
        ),
        ("-foo", False, "an option must never be taken for a name"),
        ("x" * 101, False, "a name has an end"),
    ],
)
def test_names_of_repos(name: str, taken: bool, why: str) -> None:
    assert names.may_be_repo(name) is taken


@pytest.mark.parametrize(
    ("name", "taken", "why"),
    [
        ("foo", True, SAME),
        ("1" * 12 + "4" + "1" * 19, False, SAME),  # looks like an id
        ("1" * 32, False, "every 32 hex digits are an id here"),
        ("v1.2", True, "a natural name for a tag or a release"),
        ("foo^3", False, SAME),
        ("foo bar", False, SAME),
    ],
)
def test_names_of_branches(name: str, taken: bool, why: str) -> None:
    try:
        names.branch(name)
    except BadName:
        assert not taken
    else:
        assert taken


@pytest.mark.parametrize(
    ("path", "taken", "why"),
    [
        (" ", True, SAME),
        ("~", True, SAME),
        ("A", True, SAME),
        ("a//b", True, SAME),
        ("a\0", False, SAME),
        ("../foo", False, SAME),
        ("foo/../../bar", False, SAME),
        ("foo/../bar", False, SAME),
        ("\x1f", True, "any byte that Linux takes is a name"),
        ("\x7f", True, "any byte that Linux takes is a name"),
        ("foobar*", True, "globs can escape it"),
        ("é", True, "any byte that Linux takes is a name"),
    ],
)
def test_paths_of_files(path: str, taken: bool, why: str) -> None:
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


@pytest.mark.parametrize(
    ("expression", "number", "why"),
    [
        *((f"three{after}", 2, SAME) for after in ("", "^0", "~0", ".3")),
        *((f"three{after}", 1, SAME) for after in ("^", "~", "^1", "~1", ".2")),
        *((f"three{after}", 0, SAME) for after in ("^^", "~~", "^2", "~2", ".1")),
        *((f"three{after}", None, SAME) for after in ("^^^", "~~~", "^3", "~3", "^1000000")),
        *((f"master.{number}", number - 1, SAME) for number in (1, 2, 3)),  # ten commits later
        ("three.4", None, "out of range is an error, not the head"),
        ("three.0", None, SAME),
        ("nothing", None, SAME),
        ("three^-1", None, "an ancestor is not a descendant"),
    ],
)
def test_ancestry(commits: tuple[Repo, list[Commit]], expression: str, number: int | None, why: str) -> None:
    repo, made = commits
    if number is None:
        with pytest.raises(StoreError):
            repo.commit(expression)
    else:
        assert repo.commit(expression) == made[number]


def test_an_id_is_taken_in_upper_case_and_with_ancestors(commits: tuple[Repo, list[Commit]]) -> None:
    repo, made = commits
    assert repo.commit(str(made[1].id).upper()) == made[1]
    assert repo.commit(f"{made[1].id}^") == made[0]
