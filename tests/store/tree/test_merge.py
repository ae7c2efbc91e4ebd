"""Three-way merges of directories, against nested dictionaries merged name by name."""

from __future__ import annotations

import stat
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import tree
from store.ids import ObjectId
from store.records import Change, Entry, PathConflict
from store.testing.memory import MemoryNodes
from store.testing.strategies import ENDING
from store.tree import Side


@dataclass(frozen=True)
class Leaf:
    """A file: which contents, and its permissions."""

    content: int
    mode: int = 0o644


Tree = dict[bytes, "Leaf | Tree"]
CONFLICT = Leaf(-1)

LEAVES = st.builds(Leaf, st.integers(0, 2), st.sampled_from((0o644, 0o755)))
NAMES = st.sampled_from([b"a", b"b", b"c"])
TREES = st.recursive(LEAVES, lambda below: st.dictionaries(NAMES, below, max_size=3), max_leaves=8).map(
    lambda drawn: {b"a": drawn} if isinstance(drawn, Leaf) else drawn
)
STEPS = st.lists(
    st.tuples(st.lists(NAMES, min_size=1, max_size=3), st.none() | LEAVES | st.builds(dict)), max_size=4
)


def stepped(start: Tree, steps: list) -> Tree:
    for path, value in steps:
        start = put(start, path, value)
    return start


@st.composite
def triples(draw: st.DrawFn) -> tuple[Tree, Tree, Tree]:
    """A base and two sides, which are edits of it or anything."""
    base = draw(TREES)
    side = STEPS.map(lambda steps: stepped(base, steps)) | TREES
    return base, draw(side), draw(side)


def put(start: Tree, path: list[bytes], value: Leaf | Tree | None) -> Tree:
    first, *rest = path
    made = dict(start)
    below = start.get(first)
    if rest:
        made[first] = put(below if isinstance(below, dict) else {}, rest, value)
    elif value is None:
        made.pop(first, None)
    else:
        made[first] = value
    return made


def model(base, ours, theirs, path: bytes, found: list[bytes], side: Side | None):
    """The merge of three things that may each be missing; conflicts are taken down in the order of paths."""
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    folders = [each for each in (ours, theirs) if isinstance(each, dict)]
    if len(folders) == 2 or (isinstance(base, dict) and folders and None in (ours, theirs)):
        b, o, t = (each if isinstance(each, dict) else {} for each in (base, ours, theirs))
        merged = {}
        for name in sorted(b | o | t):
            below = path + b"/" + name if path else name
            got = model(b.get(name), o.get(name), t.get(name), below, found, side)
            if got is not None:
                merged[name] = got
        return merged if merged or len(folders) == 2 else None
    if all(isinstance(each, Leaf) for each in (base, ours, theirs)):
        parts = []
        for b, o, t in (
            [getattr(each, part) for each in (base, ours, theirs)] for part in ("content", "mode")
        ):
            parts.append(o if t in (o, b) else t if o == b else None)
        if None not in parts:
            return Leaf(*parts)
    found.append(path)
    return {None: CONFLICT, Side.OURS: ours, Side.THEIRS: theirs}[side]


def entry_of(thing: Leaf | Tree, nodes: MemoryNodes, name: bytes = b"", *, time: int = 0) -> Entry:
    if isinstance(thing, Leaf):
        return Entry(name, stat.S_IFREG | thing.mode, time, 4, ObjectId.of(b"%d" % thing.content))
    root = tree.build([entry_of(thing[each], nodes, each, time=time) for each in sorted(thing)], nodes.save)
    nodes.settle()
    return directory(root, name=name, time=time)


def directory(root: tree.Root, *, name: bytes = b"", mode: int = 0o755, time: int = 0) -> Entry:
    bits = stat.S_IFDIR | mode
    return Entry(name, bits, time, root.size, root.id, root.height, root.files, root.digest)


def thing_of(entry: Entry, nodes: MemoryNodes) -> Leaf | Tree:
    if entry.is_dir:
        root = None if entry.content is None else ObjectId(entry.content)
        return {below.name: thing_of(below, nodes) for below in tree.iter_entries(nodes.load, root)}
    content = next(number for number in range(3) if ObjectId.of(b"%d" % number) == entry.content)
    return Leaf(content, entry.mode & 0o7777)


def answers(base, ours, theirs, nodes, side=None, times=(0, 0, 0)):
    sides = [entry_of(each, nodes, time=at) for each, at in zip((base, ours, theirs), times, strict=True)]
    return list(tree.merge(nodes.load, *sides, lambda conflict: side))


def merged(base, ours, theirs, side=None, times=(0, 0, 0)) -> tuple[Tree, list[bytes]]:
    """The real merge, carried out on the model of ours; conflicts are marked as the model marks them."""
    nodes = MemoryNodes()
    result, conflicts = ours, []
    for answer in answers(base, ours, theirs, nodes, side, times):
        if isinstance(answer, PathConflict):
            conflicts.append(answer.path)
            value: Leaf | Tree | None = CONFLICT
        else:
            value = None if answer.new is None else thing_of(answer.new, nodes)
        result = put(result, answer.path.split(b"/"), value)
    return result, conflicts


def expected(base, ours, theirs, side=None) -> tuple[Tree, list[bytes]]:
    found: list[bytes] = []
    result = model(base, ours, theirs, b"", found, side)
    return result, [] if side else found


@given(triples())
def test_a_merge_is_what_dictionaries_give_name_by_name(triple):
    assert merged(*triple) == expected(*triple)


@given(triples(), st.sampled_from(Side))
def test_with_a_side_taken_no_conflict_is_left_and_nothing_else_changes(triple, side):
    assert merged(*triple, side) == expected(*triple, side)


@given(triples())
def test_times_alone_are_no_change(triple):
    assert merged(*triple, times=(1, 2, 3)) == expected(*triple)


@given(triples())
def test_what_does_not_conflict_does_not_depend_on_which_side_is_which(triple):
    base, ours, theirs = triple
    one, conflicts = merged(base, ours, theirs)
    other, same = merged(base, theirs, ours)
    assert conflicts == same
    if not conflicts:
        assert one == other


@given(TREES, TREES)
def test_an_unchanged_side_takes_the_other(base, changed):
    assert merged(base, base, changed) == (changed, [])
    assert merged(base, changed, base) == (changed, [])
    assert merged(base, changed, changed) == (changed, [])


@given(triples())
def test_answers_come_in_the_order_of_paths_each_once(triple):
    paths = [answer.path.split(b"/") for answer in answers(*triple, MemoryNodes())]
    assert paths == sorted(paths) and len({tuple(path) for path in paths}) == len(paths)


F, G, H = Leaf(0), Leaf(1), Leaf(2)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "conflicts"),
    [
        ({b"x": F}, {b"x": G}, {b"x": H}, [(b"x", "both modified")]),
        ({}, {b"x": G}, {b"x": H}, [(b"x", "both added")]),
        ({b"x": F}, {}, {b"x": H}, [(b"x", "deleted by ours")]),
        ({b"x": F}, {b"x": G}, {}, [(b"x", "deleted by theirs")]),
        ({b"x": F}, {b"x": G}, {b"x": {b"y": H}}, [(b"x", "kinds differ")]),
        ({}, {b"x": {}}, {b"x": H}, [(b"x", "kinds differ")]),
        ({b"d": {b"x": F, b"y": F}}, {}, {b"d": {b"x": G, b"y": F}}, [(b"d/x", "deleted by ours")]),
        ({b"d": {b"x": F, b"y": F}}, {b"d": {b"x": G, b"y": F}}, {}, [(b"d/x", "deleted by theirs")]),
        (
            {b"a": F, b"d": {b"x": F}, b"z": F},
            {b"a": G, b"d": {b"x": G}},
            {b"a": H, b"d": {b"x": H}, b"z": G},
            [(b"a", "both modified"), (b"d/x", "both modified"), (b"z", "deleted by ours")],
        ),
        ({b"x": Leaf(0, 0o600)}, {b"x": Leaf(0, 0o644)}, {b"x": Leaf(0, 0o755)}, [(b"x", "both modified")]),
        ({b"x": F}, {b"x": Leaf(0, 0o755)}, {b"x": G}, []),
    ],
)
def test_a_conflict_names_its_path_and_its_kind(base, ours, theirs, conflicts):
    found = answers(base, ours, theirs, MemoryNodes())
    assert [(each.path, each.kind) for each in found if isinstance(each, PathConflict)] == conflicts


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "mode"),
    [
        (0o755, 0o700, 0o755, 0o700),
        (0o755, 0o755, 0o700, 0o700),
        (0o755, 0o700, 0o700, 0o700),
        (0o755, 0o700, 0o750, None),
    ],
)
def test_the_permissions_of_a_directory_are_merged_apart_from_what_is_in_it(base, ours, theirs, mode):
    nodes = MemoryNodes()

    def root(bits: int, content: Tree) -> Entry:
        inner = tree.build([entry_of(content[name], nodes, name) for name in sorted(content)], nodes.save)
        made = tree.build([directory(inner, name=b"d", mode=bits)], nodes.save)
        nodes.settle()
        return directory(made)

    sides = root(base, {b"x": F}), root(ours, {b"x": F, b"o": F}), root(theirs, {b"x": F, b"t": F})
    *first, last = tree.merge(nodes.load, *sides, lambda conflict: None)
    assert isinstance(last, Change) and last.path == b"d/t"
    if mode is None:
        assert [each.kind for each in first] == ["modes differ"]
    elif mode == ours:
        assert first == []
    else:
        (change,) = first
        assert change.new.mode == stat.S_IFDIR | mode and change.new.content == change.old.content


@pytest.mark.parametrize("swapped", [False, True])
def test_permissions_of_a_directory_that_the_other_side_deleted_are_a_conflict(swapped):
    nodes = MemoryNodes()
    inner = tree.build([entry_of(F, nodes, b"x")], nodes.save)
    roots = [tree.build([directory(inner, name=b"d", mode=mode)], nodes.save) for mode in (0o755, 0o700)]
    nodes.settle()
    sides = [directory(roots[1]), entry_of({}, nodes)]
    found = list(
        tree.merge(
            nodes.load, directory(roots[0]), *(sides[::-1] if swapped else sides), lambda conflict: None
        )
    )
    assert [(each.path, each.kind) for each in found] == [
        (b"d", "deleted by ours" if swapped else "deleted by theirs")
    ]


def test_a_merge_in_a_directory_of_100_000_names_reads_only_what_differs():
    nodes = MemoryNodes()
    base = tree.build((entry_of(F, nodes, b"%06d" % number) for number in range(100_000)), nodes.save)
    nodes.settle()

    def side(*names: bytes) -> Entry:
        changes = {name: entry_of(G, nodes, name) for name in names}
        root = tree.edit(base.id, base.height, changes, nodes.load, nodes.save)
        nodes.settle()
        return directory(root)

    ours, theirs = side(b"000007", b"050000"), side(b"000009", b"099999")
    nodes.loads = 0
    found = list(tree.merge(nodes.load, directory(base), ours, theirs, lambda conflict: None))
    assert [each.path for each in found] == [b"000009", b"099999"]
    assert nodes.loads <= 4 * 2 * (base.height + 1) + 4


def test_a_directory_that_only_theirs_changed_is_taken_whole():
    nodes = MemoryNodes()
    wide = dict.fromkeys(ENDING, F)
    found = answers({b"d": wide}, {b"d": wide, b"o": F}, {b"d": wide | {b"new": G}}, nodes)
    assert [each.path for each in found] == [b"d"]
