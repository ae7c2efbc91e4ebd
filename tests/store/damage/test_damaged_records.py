"""Any record that is not what was written: Corrupt or the right answer, never a wrong one, never another error."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import pytest

import store
from store.engine.txn import TABLES
from store.format.tables import META, SUMS_KEY
from store.testing.sample import everything, fill

Records = dict[bytes, dict[bytes, bytes]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object, Records]:
    """A store on disk that is closed, everything it says, and all records that it says something by: not the sums,
    which checks alone read.
    """
    path = tmp_path_factory.mktemp("whole") / "s"
    with store.create(path) as data:
        fill(data)
        said = everything(data)
    with raw(path) as env, env.begin() as txn:
        records = {table: dict(txn.cursor(db=env.open_db(table, txn=txn))) for table in TABLES}
    del records[META][SUMS_KEY]
    return path, said, records


def raw(path: Path) -> lmdb.Environment:
    return lmdb.open(os.fspath(path), max_dbs=32, map_size=1 << 30)


def change(path: Path, changes: Iterator[tuple[bytes, bytes, bytes | None]]) -> None:
    """Write these records (None: delete) behind the store's back."""
    with raw(path) as env, env.begin(write=True) as txn:
        for table, key, value in changes:
            db = env.open_db(table, txn=txn)
            if value is None:
                txn.delete(key, db=db)
            else:
                txn.put(key, value, db=db)


def outcome(path: Path, said: object) -> str:
    """How a store answers: "right", or the message of Corrupt; anything else fails the test."""
    try:
        with store.open(path) as data:
            assert everything(data) == said, "wrong data"
    except store.Corrupt as error:
        answer = str(error)
    else:
        answer = "right"
    assert answer.isprintable()
    return answer


def flipped(value: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(value))
    return value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1 :]


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a flipped bit": flipped,
    "a truncated record": lambda value, rng: value[: rng.randrange(len(value))],
    "an empty record": lambda value, rng: b"",
    "a longer record": lambda value, rng: value + b"\0",
    "noise": lambda value, rng: rng.randbytes(len(value)),
    "zeros": lambda value, rng: bytes(len(value)),
}


@pytest.mark.parametrize("table", TABLES, ids=bytes.decode)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_corrupt_or_does_not_matter(whole, table, damage):
    path, said, records = whole
    rng = random.Random(f"{table!r}{damage}")
    found = records[table]
    answers = []
    for key in rng.sample(sorted(found), min(6, len(found))):
        change(path, [(table, key, DAMAGES[damage](found[key], rng))])
        answers.append(outcome(path, said))
        change(path, [(table, key, found[key])])
    assert outcome(path, said) == "right"
    # What nobody asks for here is read by checks alone: the log, a segment's rows, objects that were superseded.
    if table not in (b"log", b"objects", b"segments"):
        assert "right" not in answers
    elif table == b"objects" or damage in ("noise", "zeros", "an empty record"):
        assert table == b"log" or set(answers) != {"right"}


@pytest.mark.parametrize(
    "table", [table for table in TABLES if table not in (b"meta", b"log")], ids=bytes.decode
)
def test_two_records_in_each_others_place_are_noticed(whole, table):
    path, said, records = whole
    rng = random.Random(5)
    for _ in range(5):
        one, other = rng.sample(sorted(records[table]), 2)
        if records[table][one] != records[table][other]:
            change(path, [(table, one, records[table][other]), (table, other, records[table][one])])
            assert outcome(path, said) != "right"
            change(path, [(table, one, records[table][one]), (table, other, records[table][other])])


@pytest.mark.parametrize("table", [b"objects", b"segments", b"commits", b"meta"], ids=bytes.decode)
def test_a_missing_record_that_others_name_is_noticed(whole, table):
    path, said, records = whole
    for key in sorted(records[table])[:4]:
        change(path, [(table, key, None)])
        try:
            answer = outcome(path, said)
        except store.NotAStore:
            answer = "not a store"
        assert answer != "right"
        change(path, [(table, key, records[table][key])])


def test_damage_names_the_object_and_leaves_other_files_readable(tmp_path):
    with store.create(tmp_path / "s") as data:
        with data.create_repo("trips").edit() as edit:
            for name in "ab":
                edit.write(name, random.Random(name).randbytes(100_000))
        file = edit.result.entry("a")
        extents = data.extents(file, 0, file.size)
        chunks = [extent.chunk for extent in extents]
        large = max(extents, key=lambda extent: extent.size).chunk  # small ones lie among nodes
    with raw(tmp_path / "s") as env, env.begin(write=True) as txn:
        objects = env.open_db(b"objects", txn=txn)
        place = txn.get(large, db=objects)
        chunk = [chunk for chunk in chunks if txn.get(chunk, db=objects)[:8] == place[:8]][-1]
        segments = env.open_db(b"segments", txn=txn)
        record = txn.get(place[:8], db=segments)
        txn.put(place[:8], record[:-1] + bytes([record[-1] ^ 1]), db=segments)
    with store.open(tmp_path / "s") as data:
        commit = data.resolve_commit("trips")
        with pytest.raises(store.Corrupt) as caught:
            commit.read("a")
        assert caught.value.record == f"object {chunk}"
        assert commit.read("b") == random.Random("b").randbytes(100_000)
        sound = extents[chunks.index(chunk) - 1]
        assert len(data.fetch((sound,))) == sound.size


def test_a_key_that_is_damaged_is_never_another_error(whole):
    path, said, records = whole
    rng = random.Random(9)
    for table in (b"commits", b"log", b"downstream", b"repos", b"refs", b"pins", b"shelves", b"objects"):
        for key in rng.sample(sorted(records[table]), min(3, len(records[table]))):
            other = flipped(key, rng)
            change(path, [(table, key, None), (table, other, records[table][key])])
            try:
                with store.open(path) as data:
                    everything(data)
            except (store.Corrupt, store.NotFound):
                pass
            change(path, [(table, other, None), (table, key, records[table][key])])
    assert outcome(path, said) == "right"
