"""A repair mends what follows from the rest, and nothing else; what it cannot mend, the check still names."""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store import fsck
from store.engine.objects import read_object
from store.format import segment
from store.format.segment import Place
from store.ids import ObjectId
from store.testing.invariants import assert_sound

LARGE = random.Random("large").randbytes(300_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store: trips, and sales that was computed from it."""
    with store.create(tmp_path / "s") as data:
        trips, sales = data.create_repo("trips"), data.create_repo("sales")
        for number in range(3):
            with trips.edit(message=str(number)) as edit:
                edit.write("large", LARGE)
                for each in range(100):
                    edit.write(f"dir/{each}", b"%d of %d" % (each, number))
        assert edit.result is not None
        cause = store.Provenance("trips", "master", edit.result.id)
        with sales.edit(provenance=[cause]) as edit:
            edit.write("total", b"1")
        data.pins.put(b"datum/1", trips.commit("master.1").tree)
    return tmp_path / "s"


def alter(path: Path, table: bytes, change: Callable[[Any, Any], None]) -> None:
    with lmdb.open(os.fspath(path), max_dbs=32) as env, env.begin(write=True) as txn:
        change(txn, env.open_db(table, txn=txn))


def empty(path: Path, table: bytes) -> None:
    alter(path, table, lambda txn, handle: txn.drop(handle, delete=False))


def repaired(path: Path) -> store.Report:
    """Mend until there is nothing left to mend; what a check says then."""
    with store.open(path) as data:
        for _ in range(5):
            plan = data.plan_repair()
            if not plan.mends:
                break
            assert data.repair(plan) == len(plan.mends)
            assert data.repair(plan) == 0
        assert data.plan_repair().mends == ()
        return data.check(read_data=True)


def told(path: Path) -> object:
    with store.open(path) as data:
        return [
            (commit.id, name, commit.read(name) if entry.is_file else b"")
            for repo in data.repos()
            for commit in repo.log()
            for name, entry in commit.walk()
        ]


def places(path: Path) -> dict[bytes, Place]:
    with store.open(path) as data, data._env.read() as reading:
        return {key: segment.decode_place(value) for key, value in reading.iter_raw(b"objects")}


def test_a_sound_store_needs_no_mends_and_a_plan_changes_nothing(path):
    with store.open(path) as data:
        before = data.last_txnid()
        assert data.plan_repair().mends == ()
        assert data.last_txnid() == before


@pytest.mark.parametrize("table", [b"objects", b"log", b"downstream"])
def test_a_table_that_follows_from_the_rest_is_made_anew(path, table):
    before = told(path)
    empty(path, table)
    assert repaired(path).sound
    assert told(path) == before


def test_a_place_that_leads_elsewhere_is_found_again(path):
    before, where = told(path), places(path)
    names = random.Random(1).sample(sorted(where), 20)

    def shuffle(txn: Any, handle: Any) -> None:
        for name in names:
            txn.put(name, segment.encode_place(Place(where[name].segment, 1, 2)), db=handle)

    alter(path, b"objects", shuffle)
    assert repaired(path).sound
    assert told(path) == before and places(path) == where


def test_lines_that_no_commit_says_are_removed(path):
    def add(txn: Any, handle: Any) -> None:
        txn.put(b"trips\0" + bytes(24), bytes(8), db=handle)
        txn.put(b"nonsense", b"", db=handle)

    alter(path, b"log", add)
    alter(
        path,
        b"downstream",
        lambda txn, handle: txn.put(bytes(16) + b"x\0" + bytes(16) + b"y", b"", db=handle),
    )
    with store.open(path) as data:
        plan = data.plan_repair()
        assert len(plan.mends) == 3 and all("no commit says so" in mend.what for mend in plan.mends)
    assert repaired(path).sound


def test_an_object_that_is_damaged_is_taken_from_another_segment(path):
    """As when two processes wrote it at once."""
    before, where = told(path), places(path)
    name = ObjectId.of(b"7 of 1")
    other = segment.encode([(ObjectId.of(b"other"), b"other"), (name, b"7 of 1")], 3)
    alter(path, b"segments", lambda txn, handle: txn.put((10**6).to_bytes(8, "big"), other, db=handle))
    alter(path, b"segments", lambda txn, handle: damage(txn, handle, where[name]))
    with store.open(path) as data:
        assert not data.check(read_data=True).sound
    assert repaired(path).sound
    assert told(path) == before and places(path)[name] == Place(10**6, 5, 6)


def damage(txn: Any, handle: Any, place: Place) -> None:
    """Give one object of a segment other bytes."""
    key = place.segment.to_bytes(8, "big")
    record = txn.get(key, db=handle)
    payload = bytearray(segment.decode(record))
    payload[place.offset] ^= 1
    rows = segment.rows(record)
    made = segment.HEADER.pack(segment.MAGIC, segment.RAW, len(rows), len(payload))
    txn.put(key, made + b"".join(segment.ROW.pack(*row) for row in rows) + payload, db=handle)


def test_of_an_object_without_a_good_copy_the_place_is_forgotten_and_putting_it_again_brings_it_back(path):
    before, where = told(path), places(path)
    name = ObjectId.of(b"7 of 1")
    alter(path, b"segments", lambda txn, handle: damage(txn, handle, where[name]))
    report = repaired(path)
    (problem,) = report.problems
    assert problem.why == "it is missing" and str(problem.affects[0]).endswith(":dir/7")
    with store.open(path) as data, data.create_repo("again").edit() as edit:
        edit.write("file", b"7 of 1")
    with store.open(path) as data:
        assert_sound(data)
        data.delete_repo("again")
    assert told(path) == before


@pytest.mark.parametrize("last", [False, True])
def test_what_comes_before_the_damage_in_a_compressed_segment_is_rescued(tmp_path, last):
    rng = random.Random(5)
    texts = [bytes(rng.choices(b"abcdefgh", k=8_000)) for _ in range(27)]
    with store.create(tmp_path / "s") as data, data.create_repo("trips").edit() as edit:
        for number, text in enumerate(texts):
            edit.write(f"{number:02}", text)
    where = places(tmp_path / "s")
    number = where[ObjectId.of(texts[0])].segment
    assert number == where[ObjectId.of(texts[-1])].segment

    def cut(txn: Any, handle: Any) -> None:
        key = number.to_bytes(8, "big")
        record = txn.get(key, db=handle)
        txn.put(key, record[: len(record) - 4_000] + bytes(4_000), db=handle)

    if not last:
        with store.open(tmp_path / "s") as data, data.create_repo("later").edit() as edit:
            edit.write("later", b"later")
    alter(tmp_path / "s", b"segments", cut)
    report = repaired(tmp_path / "s")
    after = places(tmp_path / "s")
    kept = [text for text in texts if ObjectId.of(text) in after]
    assert kept == texts[: len(kept)] and 8 <= len(kept) < 27
    assert number not in {place.segment for place in after.values()}
    assert {problem.invariant for problem in report.problems} == {"I3"}


def test_a_segment_of_which_nothing_can_be_read_is_removed(path):
    where = places(path)
    number = where[ObjectId.of(b"7 of 1")].segment
    key = number.to_bytes(8, "big")
    alter(path, b"segments", lambda txn, handle: txn.put(key, b"nothing", db=handle))
    report = repaired(path)
    assert report.problems and {problem.why for problem in report.problems} == {"it is missing"}
    assert number not in {place.segment for place in places(path).values()}


def test_a_commit_that_is_damaged_stays_damaged_with_its_lines(path):
    def flip(txn: Any, handle: Any) -> None:
        key, value = next(iter(txn.cursor(handle)))
        txn.put(key, value[:-1] + bytes([value[-1] ^ 1]), db=handle)

    alter(path, b"commits", flip)
    with store.open(path) as data:
        assert data.plan_repair().mends == ()
        assert not data.check().sound


def test_a_mend_is_left_out_when_its_record_has_changed_meanwhile(path):
    where = places(path)
    name = min(where)
    alter(path, b"objects", lambda txn, handle: txn.delete(name, db=handle))
    with store.open(path) as data:
        plan = data.plan_repair()
        assert len(plan.mends) == 1
        data._env.write(lambda writing: writing.put_raw(b"objects", name, segment.encode_place(where[name])))
        assert data.repair(plan) == 0
        assert_sound(data)


def test_where_lmdbs_own_pages_are_damaged_nothing_is_written(path):
    raw = bytearray((path / "data.mdb").read_bytes())
    for at in range(2 * 4096, len(raw), 4096):
        if (
            int.from_bytes(raw[at + 10 : at + 12], "little") == 2
            and b"trips\0b\0master" in raw[at : at + 4096]
        ):
            raw[at : at + 8] = bytes(8)
    (path / "data.mdb").write_bytes(raw)
    with store.open(path) as data, pytest.raises(store.Corrupt):
        data.plan_repair()


damages = st.lists(
    st.tuples(st.sampled_from(["place", "byte", "copy", "segment", "log"]), st.integers(0, 10**6)),
    min_size=1,
    max_size=8,
)


def wreak(txn: Any, env: Any, what: str, at: int) -> None:
    """Damage something, as a disk or a program might."""
    objects, segments, log = (env.open_db(table, txn=txn) for table in (b"objects", b"segments", b"log"))
    table = {"place": objects, "log": log}.get(what, segments)
    keys = [key for key, _ in txn.cursor(table)]
    if not keys:
        return
    key = keys[at % len(keys)]
    value = txn.get(key, db=table)
    if what in ("place", "log", "segment"):
        txn.delete(key, db=table)
    elif what == "byte":
        byte = at % len(value)
        txn.put(key, value[:byte] + bytes([value[byte] ^ (1 + at % 255)]) + value[byte + 1 :], db=table)
    else:
        txn.put((int.from_bytes(keys[-1], "big") + 1).to_bytes(8, "big"), value, db=table)


def readable(path: Path) -> set[bytes]:
    """The objects that can be read."""
    found = set()
    with store.open(path) as data, data._env.read() as reading:
        for key, _ in reading.iter_raw(b"objects"):
            with contextlib.suppress(store.Corrupt):
                read_object(reading, ObjectId(key))
                found.add(key)
    return found


@given(damages=damages)
@settings(max_examples=25)
def test_whatever_could_be_read_before_a_repair_can_be_read_after_it(tmp_path_factory, damages):
    path = tmp_path_factory.mktemp("repair") / "s"
    with store.create(path) as data, data.create_repo("trips").edit() as edit:
        edit.write("large", LARGE[:100_000])
        for number in range(40):
            edit.write(f"{number}", b"%d " % number * 400)
    with lmdb.open(os.fspath(path), max_dbs=32) as env, env.begin(write=True) as txn:
        for what, at in damages:
            wreak(txn, env, what, at)
    before = readable(path)
    report = repaired(path)
    assert before <= readable(path)
    assert {problem.invariant for problem in report.problems} <= {"I3"}
    assert {problem.why for problem in report.problems} <= {"it is missing"}


def test_a_repair_that_is_interrupted_is_finished_by_the_next(path, monkeypatch):
    before = told(path)
    empty(path, b"objects")
    monkeypatch.setattr(sys.modules["store.fsck.repair"], "BATCH", 7)
    with store.open(path) as data:
        plan = fsck.plan_repair(data._env)

        def interrupt(done: int) -> None:
            if done > 50:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fsck.repair(data._env, plan, interrupt)
        assert 0 < len(fsck.plan_repair(data._env).mends) < len(plan.mends)
    assert repaired(path).sound
    assert told(path) == before
