"""A line of 20,000 commits: any commit is found in about log2 steps, and each answer is that of a plain list."""

from __future__ import annotations

import math
import random
from itertools import islice

import pytest

import store
from store.testing.reads import counted_records
from store.testing.scale import SECOND_NS, grow_history

COUNT = 20_000
STEPS = 3 * math.ceil(math.log2(COUNT))
"""Commits that finding an ancestor may read."""


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    with store.create(tmp_path_factory.mktemp("line") / "store") as opened:
        repo = opened.create_repo("line")
        for name in ("a", "b", "c"):
            with opened.create_repo(f"trees-{name}").edit() as edit:
                edit.write(name, name.encode())
        trees = [opened.repo(f"trees-{name}").commit().tree for name in ("a", "b", "c")]
        grow_history(repo, COUNT, trees)
        yield opened, repo


@pytest.fixture(scope="module")
def model(line):
    """The ids of the line, the root's first, by the slow way."""
    return [commit.id for commit in line[1].log()][::-1]


def test_the_made_history_is_sound(tmp_path):
    with store.create(tmp_path / "store") as opened:
        with opened.create_repo("trees").edit() as edit:
            edit.write("a", b"a")
        grow_history(opened.create_repo("line"), 300, [edit.result.tree])
        with opened.repo("line").edit() as after:
            after.write("b", b"b")
        assert after.result.depth == 301
        assert opened.check(read_data=True).problems == ()


def test_every_way_of_naming_a_commit_gives_what_a_list_gives(line, model):
    opened, repo = line
    assert len(model) == COUNT
    for depth in (1, 2, 3, COUNT - 1, COUNT, *random.Random(4).sample(range(1, COUNT), 60)):
        wanted = model[depth - 1]
        assert opened.resolve_commit(f"line@master.{depth}").id == wanted
        assert opened.resolve_commit(f"line@master~{COUNT - depth}").id == wanted
        commit = opened.resolve_commit(f"line@{wanted}")
        assert commit.depth == depth
        at = SECOND_NS + depth * SECOND_NS
        assert repo.at_time(repo.commit(), at).id == wanted
        assert repo.at_time(repo.commit(), at + SECOND_NS - 1).id == wanted


@pytest.mark.parametrize("depth", [1, 2, 12_345, COUNT - 1])
def test_finding_an_ancestor_reads_a_logarithm_of_commits(line, depth):
    opened, repo = line
    head = repo.commit()
    for find in (
        lambda: opened.resolve_commit(f"line@master.{depth}"),
        lambda: opened.resolve_commit(f"line@master~{COUNT - depth}"),
        lambda: repo.at_depth(head, depth),
        lambda: repo.is_ancestor(repo.get(head.parent), head),
    ):
        with counted_records(opened) as read:
            find()
        assert read.count <= STEPS + 6


def test_finding_a_commit_by_time_reads_a_logarithm_of_commits(line):
    opened, repo = line
    head = repo.commit()
    for depth in (1, 777, COUNT // 2, COUNT - 1):
        with counted_records(opened) as read:
            assert repo.at_time(head, SECOND_NS + depth * SECOND_NS).depth == depth
        assert read.count <= 2 * STEPS  # looks at a jump before it is taken


def test_the_last_commits_are_read_and_no_others(line, model):
    opened, repo = line
    with counted_records(opened) as read:
        found = [commit.id for commit in islice(repo.log(), 20)]
    assert found == model[:-21:-1]
    assert read.count <= 20 * 3


def test_a_branch_is_made_anywhere_for_the_same_price(line):
    _, repo = line
    for depth in (1, COUNT // 2, COUNT):
        at = repo.commit(f"master.{depth}")
        branch = repo.create_branch(f"at-{depth}", at)
        assert branch.head == at.id
        with repo.edit(branch.name) as edit:
            edit.write("more", b"%d" % depth)
        assert edit.result.depth == depth + 1
        assert (
            repo.commit(f"{branch.name}.{max(1, depth // 3)}").id
            == repo.commit(f"master.{max(1, depth // 3)}").id
        )


def test_merge_bases_in_one_line_are_found_without_walking_it(line):
    opened, repo = line
    old, new = repo.commit("master.10"), repo.commit()
    with counted_records(opened) as read:
        assert repo.merge_base(old, new).id == old.id
    assert read.count <= 2 * STEPS
