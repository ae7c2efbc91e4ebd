"""What a new tree shares with an old one is found along the paths that changed, and is really shared."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

import store
from store.engine.objects import read_object
from store.format import node
from store.ids import ObjectId
from store.reach import Role, visit
from store.records import Entry
from store.transfer.bundle.trust import known_from

names = st.sampled_from([f"{name}{number}" for name in "ab" for number in range(300)])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
trees = st.dictionaries(paths, st.binary(max_size=3), max_size=40)


def build(data: store.Store, files: dict[str, bytes], base: Entry | None = None) -> Entry:
    with data.edit_tree(base) as edit:
        for path, content in files.items():
            try:
                edit.write(path, content)
            except (store.IsADirectory, store.NotADirectory):
                continue
        return edit.save()


def reached(data: store.Store, tree: Entry) -> set[tuple[bytes, int]]:
    found: set[tuple[bytes, int]] = set()

    def enter(name: ObjectId, role: Role) -> bool:
        fresh = (bytes(name), int(role)) not in found
        found.add((bytes(name), int(role)))
        return fresh

    with data._env.read() as reading:
        visit(tree, lambda name: read_object(reading, name), enter)
    return found


@given(trees, trees)
def test_nothing_is_known_that_the_old_tree_does_not_lead_to(shared, first, changes):
    old = build(shared, first)
    new = build(shared, changes, old)
    with shared._env.read() as reading:
        known = known_from(old, new, lambda name: node.decode(read_object(reading, name)))
    roles = {(name, role) for name, bits in known.items() for role in Role if bits & role}
    assert roles <= reached(shared, old)


def test_one_changed_file_among_many_is_all_that_is_looked_at(data):
    many = {f"d{number % 40}/f{number}": b"%d" % number for number in range(4000)}
    old = build(data, many)
    new = build(data, {"d7/f7": b"changed"}, old)
    read: list[ObjectId] = []
    with data._env.read() as reading:

        def find(name: ObjectId) -> node.Node:
            read.append(name)
            return node.decode(read_object(reading, name))

        known = known_from(old, new, find)
    left = {pair for pair in reached(data, new) if not known.get(pair[0], 0) & pair[1]}
    met = reached(data, old)
    assert len(read) < 12
    assert (
        len({pair for pair in left if pair not in met}) == 4
    )  # the chunk, its leaf, its directory and the root


def test_a_long_line_of_commits_arrives_one_by_one(data, trips, there):
    for number in range(6):
        with trips.edit() as edit:
            for at in range(300):
                edit.write(f"d{at % 7}/{number * 100 + at}", b"%d" % (number + at))
        out = io.BytesIO()
        data.write_bundle(out, ["trips@master"], since=["trips@master^"] if number else [])
        there.import_bundle(io.BytesIO(out.getvalue()))
        assert there.check().sound and there.repo("trips").head() == trips.head()
