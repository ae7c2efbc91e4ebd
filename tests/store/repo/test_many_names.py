"""Repos, branches and tags by the thousand: found, listed and suggested without looking at all of them."""

from __future__ import annotations

import pytest

import store
from store.engine import RefsWriting
from store.engine.refs import SUGGESTED
from store.format.tables import BRANCH, TAG, RepoBody
from store.testing.reads import counted_records

MANY = 3_000


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    with store.create(tmp_path_factory.mktemp("crowded") / "store") as opened:
        first = opened.create_repo("repo-0000")
        with first.edit(message="one") as edit:
            edit.write("a", b"a")
        head = first.commit().id

        def write(writing):
            refs = RefsWriting(writing)
            for number in range(MANY):
                if number:
                    refs.create_repo(f"repo-{number:04d}", RepoBody("", "user", number))
                refs.create_ref(first.name, BRANCH, f"branch-{number:04d}", head)
                refs.create_ref(first.name, TAG, f"tag-{number:04d}", head)

        opened._env.write(write)
        yield opened


@pytest.mark.parametrize(("wrong", "meant"), [
    ("repo-0000@brunch-1234", "branch-"),
    ("repo-0000@branch-1234x", "branch-1234"),
    ("repo-0000@tagg-0007", "tag-"),
    ("repo-0000@tag-2999x", "tag-2999"),
    ("repo-0000@mastre", "master"),
    ("repo-1234x", "repo-1234"),
    ("repo-", "repo-"),
])  # fmt: skip
def test_a_wrong_name_among_thousands_gets_a_near_one_suggested(crowded, wrong, meant):
    with pytest.raises(store.NotFound) as error:
        crowded.resolve(wrong)
    assert f"did you mean '{meant}" in error.value.hint()


@pytest.mark.parametrize(
    "wrong", ["repo-0000@no-such", "no-such", "repo-0000@no-such.7", "repo-0000@deadbeef"]
)
def test_a_wrong_name_costs_a_look_at_some_names_and_not_at_all(crowded, wrong):
    with pytest.raises(store.NotFound) as error:
        crowded.resolve(wrong)
    assert len(error.value.known) <= 4 * SUGGESTED


def test_of_few_names_all_are_candidates(tmp_path):
    with store.create(tmp_path / "store") as opened:
        for name in ("alpha", "beta", "gamma"):
            opened.create_repo(name)
        for wrong in ("", "alpha2", "zeta", "aaa"):
            with pytest.raises(store.RepoNotFound) as error:
                opened.repo(wrong)
            assert error.value.known == ("alpha", "beta", "gamma")


def test_finding_one_of_thousands_reads_the_same_records_as_finding_one_of_one(crowded, tmp_path):
    with store.create(tmp_path / "store") as small:
        alone = small.create_repo("repo-0000")
        with alone.edit() as edit:
            edit.write("a", b"a")
        alone.create_tag("tag-1500", alone.commit())
        with counted_records(small) as few:
            small.resolve("repo-0000@tag-1500")
    with counted_records(crowded) as many:
        crowded.resolve("repo-0000@tag-1500")
    assert many.count == few.count


def test_branches_and_repos_are_listed_with_their_heads(crowded):
    repo = crowded.repo("repo-0000")
    listed = repo.branches_with_heads()
    assert [name for name, _ in listed] == [each.name for each in repo.branches()]
    assert {head.id for _, head in listed} == {repo.commit().id}
    repos = crowded.repos_with_heads()
    assert [each.name for each, _ in repos] == [each.name for each in crowded.repos()]
    assert [head.id for _, head in repos if head] == [repo.commit().id]
