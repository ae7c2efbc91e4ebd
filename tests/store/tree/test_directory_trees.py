"""A directory as a prolly tree: what it is depends on its contents alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings

from store import tree
from store.format.node import Inner, Leaf
from store.records import EMPTY_DIRECTORY, Entry
from store.testing import strategies
from store.testing.memory import MemoryNodes
from store.tree import Root
from store.tree.split import LIMIT, ends_after


def built(entries: dict[bytes, Entry], nodes: MemoryNodes) -> Root:
    root = tree.build([entries[name] for name in sorted(entries)], nodes.save)
    nodes.settle()
    return root


def edited(root: Root, changes: dict[bytes, Entry | None], nodes: MemoryNodes) -> Root:
    result = tree.edit(root.id, root.height, changes, nodes.load, nodes.save)
    nodes.settle()
    return result


def after(entries: dict[bytes, Entry], changes: dict[bytes, Entry | None]) -> dict[bytes, Entry]:
    return {name: entry for name, entry in {**entries, **changes}.items() if entry is not None}


@given(strategies.directories(), strategies.changes())
def test_the_root_depends_on_contents_never_on_the_road_taken(start, changes):
    nodes = MemoryNodes()
    assert edited(built(start, nodes), changes, nodes) == built(after(start, changes), nodes)


@given(strategies.directories(), strategies.changes(), strategies.changes())
def test_two_edits_are_as_good_as_one(start, first, second):
    nodes = MemoryNodes()
    root = built(start, nodes)
    assert edited(edited(root, first, nodes), second, nodes) == edited(root, {**first, **second}, nodes)


@given(strategies.directories(), strategies.directories())
def test_a_diff_is_exactly_what_turns_one_directory_into_the_other(old, new):
    nodes = MemoryNodes()
    left, right = built(old, nodes), built(new, nodes)
    expected = [
        (old.get(name), new.get(name)) for name in sorted(old | new) if old.get(name) != new.get(name)
    ]
    assert list(tree.diff_names(nodes.load, left.id, right.id)) == expected


@given(strategies.directories())
def test_a_listing_has_every_name_once_in_order(entries):
    nodes = MemoryNodes()
    root = built(entries, nodes)
    assert [entry.name for entry in tree.iter_entries(nodes.load, root.id)] == sorted(entries)
    assert root.names == len(entries)


@given(strategies.directories(), strategies.file_names())
def test_a_listing_can_go_on_after_any_name_there_or_not(entries, name):
    nodes = MemoryNodes()
    root = built(entries, nodes)
    rest = [entry.name for entry in tree.iter_entries(nodes.load, root.id, name)]
    assert rest == sorted(there for there in entries if there > name)


@given(strategies.directories(), strategies.file_names())
def test_a_lookup_finds_what_is_there_and_nothing_else(entries, name):
    nodes = MemoryNodes()
    root = built(entries, nodes)
    for wanted in {name, *list(entries)[:50]}:
        assert tree.lookup(nodes.load, root.id, wanted) == entries.get(wanted)


def test_an_empty_directory_has_no_node():
    nodes = MemoryNodes()
    assert built({}, nodes) == Root(None, 0, 0, 0, 0, EMPTY_DIRECTORY)
    full = built({b"a": strategies.file_entry(b"a")}, nodes)
    assert edited(full, {b"a": None}, nodes) == Root(None, 0, 0, 0, 0, EMPTY_DIRECTORY)


def test_a_tree_that_loses_nearly_everything_is_as_low_as_one_built_anew():
    nodes = MemoryNodes()
    entries = {name: strategies.file_entry(name) for name in strategies.ENDING}
    root = built(entries, nodes)
    keep = sorted(entries)[:3]
    swept = edited(root, {name: None for name in entries if name not in keep}, nodes)
    assert root.height >= 2
    assert swept == built({name: entries[name] for name in keep}, nodes)


@pytest.mark.parametrize(
    ("names", "smallest", "largest"),
    [
        (strategies.ENDING, 2, 2),
        (strategies.PLAIN[:3000], LIMIT, LIMIT),
        (strategies.ENDING + strategies.PLAIN[:500], 2, LIMIT),
    ],
    ids=["every name asks for a boundary", "no name asks for one", "both"],
)
def test_hostile_names_cannot_make_nodes_too_small_or_too_large(names, smallest, largest):
    nodes = MemoryNodes()
    root = built({name: strategies.file_entry(name) for name in names}, nodes)
    leaves = sorted(
        (node for node in nodes.nodes(root.id) if isinstance(node, Leaf)), key=lambda leaf: leaf.items[0].name
    )
    sizes = [len(leaf.items) for leaf in leaves[:-1]]
    assert min(sizes) >= smallest and max(sizes) <= largest
    assert all(1 <= len(node.items) <= LIMIT for node in nodes.nodes(root.id))


def test_the_names_found_by_search_are_what_they_claim_to_be():
    assert all(ends_after(name, level, 2) for name in strategies.ENDING for level in (0, 1))
    assert not any(ends_after(name, 0, 2) for name in strategies.PLAIN)


def test_a_directory_of_100_000_names_is_changed_by_writing_a_handful_of_nodes():
    nodes = MemoryNodes()
    entries = {b"%06d.csv" % number: strategies.file_entry(b"%06d.csv" % number) for number in range(100_000)}
    root = tree.build(iter(entries.values()), nodes.save)
    written = nodes.settle()
    assert root.names == 100_000 and 400 < written < 1_600 and root.height <= 3
    rng = random.Random(7)
    for change in (b"%06d.csv" % rng.randrange(100_000), b"new", b"000000.csv", b"099999.csv", b"zzz"):
        result = tree.edit(root.id, root.height, {change: None}, nodes.load, nodes.save)
        assert nodes.settle() <= 2 * (root.height + 1)
        changed = strategies.file_entry(change, 5)
        nodes.loads = 0
        result = tree.edit(root.id, root.height, {change: changed}, nodes.load, nodes.save)
        assert nodes.loads <= 6 * (root.height + 1)
        assert nodes.settle() <= 2 * (root.height + 1)
        nodes.loads = 0
        assert tree.lookup(nodes.load, result.id, change) == changed
        assert nodes.loads == result.height + 1


def test_a_diff_of_100_000_names_reads_only_what_differs():
    nodes = MemoryNodes()
    entries = {b"%06d" % number: strategies.file_entry(b"%06d" % number) for number in range(100_000)}
    root = tree.build(iter(entries.values()), nodes.save)
    nodes.settle()
    changes = {name: strategies.file_entry(name, 1) for name in list(entries)[5::10_000]}
    other = edited(root, changes, nodes)
    nodes.loads = 0
    assert [new.name for _, new in tree.diff_names(nodes.load, root.id, other.id) if new] == sorted(changes)
    assert nodes.loads <= 10 * 2 * (root.height + 1) + 2


@settings(max_examples=30)
@given(strategies.directories())
def test_every_inner_node_says_the_truth_about_its_children(entries):
    nodes = MemoryNodes()
    root = built(entries, nodes)
    for inner in nodes.nodes(root.id):
        for child in inner.items if isinstance(inner, Inner) else ():
            below = [
                entry for node in nodes.nodes(child.id) if isinstance(node, Leaf) for entry in node.items
            ]
            assert child.last == max(entry.name for entry in below)
            assert (child.names, child.files) == (len(below), sum(entry.files for entry in below))
            assert child.size == sum(entry.size for entry in below)
