"""How many nodes an operation asks for in a directory of 100,000 names, and in as many spread over directories."""

from __future__ import annotations

import random

import pytest

import store
from store.testing.reads import counted_nodes
from store.testing.scale import grow_files

COUNT = 100_000
CASES = [None, 1_000]


@pytest.fixture(scope="module", params=CASES, ids=["flat", "nested"])
def large(request, tmp_path_factory):
    with store.create(tmp_path_factory.mktemp("large") / "store") as opened:
        repo = opened.create_repo("files")
        grow_files(repo, COUNT, per_directory=request.param)
        yield opened, repo, request.param


def path(index, per_directory):
    name = b"file-%07d" % index
    return name if per_directory is None else b"dir-%05d/%s" % (index // per_directory, name)


def levels(commit, per_directory):
    """Nodes from the root to a name: the height of each directory on the way, and one more for each."""
    below = 0 if per_directory is None else max(entry.height for entry in commit.list("")) + 1
    return commit.tree.height + 1 + below


def test_looking_up_a_name_reads_one_node_of_each_level(large):
    opened, repo, each = large
    commit = repo.commit()
    for index in random.Random(1).sample(range(COUNT), 20):
        with counted_nodes(opened) as read:
            assert commit.find(path(index, each)) is not None
        assert read.count <= levels(commit, each) <= 5


def test_editing_a_name_reads_a_few_nodes_of_each_level(large):
    opened, repo, each = large
    for index in random.Random(2).sample(range(COUNT), 5):
        with counted_nodes(opened) as read, repo.edit(message="one") as edit:
            edit.write(path(index, each), b"changed %d\n" % index)
        assert len(set(read.objects)) <= 4 * levels(repo.commit(), each)


def test_comparing_commits_reads_the_ways_to_what_differs_and_nothing_else(large):
    opened, repo, each = large
    before = repo.commit()
    changed = sorted(path(index, each) for index in random.Random(3).sample(range(COUNT), 10))
    with repo.edit(message="ten") as edit:
        for where in changed:
            edit.write(where, b"other\n")
    after = repo.commit()
    with counted_nodes(opened) as read:
        assert [change.path for change in opened.diff(before.tree, after.tree)] == changed
    assert len(set(read.objects)) <= 2 * 10 * levels(after, each)


def test_comparing_a_tree_with_itself_reads_at_most_its_root(large):
    opened, repo, _ = large
    tree = repo.commit().tree
    with counted_nodes(opened) as read:
        assert list(opened.diff(tree, tree)) == []
    assert len(set(read.objects)) <= 1


def test_listing_from_a_name_on_reads_the_way_there_and_a_leaf(large):
    opened, repo, each = large
    commit = repo.commit()
    folder = commit.entry("" if each is None else "dir-00050")
    after = b"file-%07d" % (50_500 if each else 77_000)
    with counted_nodes(opened) as read:
        assert next(opened.iter_directory(folder, after=after)).name > after
    assert read.count <= folder.height + 2
