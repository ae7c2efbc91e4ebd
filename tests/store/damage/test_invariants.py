"""The checks find what they are for: each kind of untruth in a store is named by the invariant that it breaks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest

import store
from store.engine import Environment
from store.format import commit as commits
from store.format import node, segment, tables
from store.format.sealed import seal
from store.fsck import check
from store.ids import CommitId, ObjectId
from store.records import CommitRecord, Entry


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A closed store with a little of everything."""
    with store.create(tmp_path / "s") as data:
        weather, trips = data.create_repo("weather"), data.create_repo("trips")
        with weather.edit() as first:
            first.write("w", b"rain")
        for number in range(4):
            with trips.edit(provenance=[store.Provenance("weather", "master", first.result.id)]) as edit:
                edit.write(f"dir/{number}", b"%d" % number)
                edit.write("large", bytes(range(256)) * 2_000 + b"%d" % number)
        trips.create_tag("v1", edit.result)
        data.pins.put(b"pin", edit.result.tree)
        assert check(data._env, read_data=True).sound
    return tmp_path / "s"


class Hand:
    """Writes records behind the store's back, properly sealed."""

    def __init__(self, env: Any, txn: Any) -> None:
        self._env, self._txn = env, txn

    def table(self, name: bytes) -> Any:
        return self._env.open_db(name, txn=self._txn)

    def put(self, table: bytes, key: bytes, body: bytes) -> None:
        self._txn.put(key, seal(table, key, body), db=self.table(table))

    def raw(self, table: bytes, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self.table(table))

    def delete(self, table: bytes, key: bytes) -> None:
        assert self._txn.delete(key, db=self.table(table))

    def all(self, table: bytes) -> list[tuple[bytes, bytes]]:
        return list(self._txn.cursor(db=self.table(table)))

    def last(self) -> CommitRecord:
        found = [
            commits.decode(key, value[8:]) for key, value in self.all(b"commits") if key.endswith(b"trips")
        ]
        return max(found, key=lambda record: record.depth)

    def rewrite(self, **changes: Any) -> None:
        """Change the head of trips, and chain it as if it had always been so."""
        record = replace(self.last(), **changes)
        parent = next(value for key, value in self.all(b"commits") if key[:16] == record.parent)
        chain = commits.decode(b"0" * 16, parent[8:]).digest
        record = replace(record, digest=changes.get("digest") or commits.chained(record, chain))
        self.put(b"commits", commits.key(record.id, "trips"), commits.encode(record))

    def change_tree(self, **changes: Any) -> None:
        self.rewrite(tree=msgspec.structs.replace(self.last().tree, **changes))

    def draft(self, repo: str, base: CommitId | None) -> None:
        note = tables.encode(tables.DraftNote(base, 5))
        self.put(
            b"pins", tables.draft_key(repo, "dev"), tables.encode(tables.PinBody(self.last().tree, note))
        )

    def store_object(self, plain: bytes) -> ObjectId:
        name = ObjectId.of(plain)
        number = 1 + max(int.from_bytes(key, "big") for key, _ in self.all(b"segments"))
        self.raw(b"segments", number.to_bytes(8, "big"), segment.encode([(name, plain)], 1))
        self.raw(b"objects", name, segment.encode_place(segment.Place(number, 0, len(plain))))
        return name

    def replace_root(self, change: Callable[[list[Entry]], list[Entry]]) -> None:
        """Give the head of trips a root node with other entries; its totals stay what they were."""
        tree = self.last().tree
        place = segment.decode_place(dict(self.all(b"objects"))[tree.content or b""])
        record = dict(self.all(b"segments"))[place.segment.to_bytes(8, "big")]
        plain = bytes(segment.decode(record)[place.offset : place.offset + place.length])
        leaf = node.decode(plain)
        assert isinstance(leaf, node.Leaf)
        self.change_tree(content=bytes(self.store_object(node.encode(0, change(leaf.items)))))


def flip_seal(hand: Hand) -> None:
    key, value = hand.all(b"repos")[0]
    hand.raw(b"repos", key, b"\0" * 8 + value[8:])


def lie_in_segment(hand: Hand) -> None:
    key, record = hand.all(b"segments")[-1]
    hand.raw(b"segments", key, record[:16] + bytes(32) + record[48:])


def misplace(hand: Hand) -> None:
    key, value = hand.all(b"objects")[0]
    place = segment.decode_place(value)
    hand.raw(b"objects", key, segment.encode_place(place._replace(offset=place.offset + 1)))


def lose_log_line(hand: Hand) -> None:
    hand.delete(b"log", hand.all(b"log")[0][0])


def lose_downstream(hand: Hand) -> None:
    hand.delete(b"downstream", hand.all(b"downstream")[0][0])


def point_nowhere(hand: Hand) -> None:
    hand.put(b"refs", b"trips\0b\0dev", tables.encode(tables.RefBody(bytes(CommitId.new()))))


def branch_and_tag(hand: Hand) -> None:
    hand.put(b"refs", b"trips\0b\0v1", tables.encode(tables.RefBody(bytes(hand.last().id))))


def lose_repo(hand: Hand) -> None:
    hand.delete(b"repos", b"trips")


def lose_header(hand: Hand) -> None:
    hand.delete(b"meta", b"header")


def change_in_root(wanted: bytes, **changes: Any) -> Callable[[Hand], None]:
    def change(entries: list[Entry]) -> list[Entry]:
        return [msgspec.structs.replace(one, **changes) if one.name == wanted else one for one in entries]

    return lambda hand: hand.replace_root(change)


@pytest.mark.parametrize(
    ("lie", "invariant"),
    [
        (flip_seal, "I1"),
        (lie_in_segment, "I2"),
        (misplace, "I3"),
        (change_in_root(b"large", size=5), "I6"),
        (change_in_root(b"large", height=0, content=ObjectId.of(b"0"), size=1, files=2), "I9"),
        (lambda hand: hand.replace_root(lambda entries: entries[::-1]), "I7"),
        (change_in_root(b"large", name=b"no/name"), "I7"),
        (lambda hand: hand.change_tree(files=99), "I8"),
        (lambda hand: hand.change_tree(size=99), "I8"),
        (lambda hand: hand.change_tree(digest=bytes(32)), "I8"),
        (lambda hand: hand.change_tree(height=3), "I8"),
        (lambda hand: hand.rewrite(depth=9), "I10"),
        (lambda hand: hand.rewrite(jump=hand.last().parent), "I11"),
        (lambda hand: hand.rewrite(finished_ns=5), "I12"),
        (lambda hand: hand.rewrite(digest=bytes(32)), "I13"),
        (lose_log_line, "I14"),
        (lose_downstream, "I15"),
        (lambda hand: hand.rewrite(provenance=()), "I15"),
        (lose_header, "I16"),
        (point_nowhere, "I17"),
        (branch_and_tag, "I17"),
        (lambda hand: hand.rewrite(state="failed"), "I17"),
        (lose_repo, "I18"),
        (lambda hand: hand.draft("trips", CommitId.new()), "I19"),
        (lambda hand: hand.draft("nowhere", None), "I19"),
    ],
)
def test_a_lie_is_found_by_the_invariant_it_breaks(sound, lie, invariant):
    with lmdb.open(os.fspath(sound), max_dbs=32) as env, env.begin(write=True) as txn:
        lie(Hand(env, txn))
    environment = Environment(sound)
    try:
        found = {problem.invariant for problem in check(environment, read_data=True).problems}
    finally:
        environment.close()
    assert invariant in found
