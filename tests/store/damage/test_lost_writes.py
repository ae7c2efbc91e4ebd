"""A write that the disk lost without a word: a page is in its place as it was some commits before, whole and sealed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

import store
from store import sums
from store.format.tables import META, SUMS_KEY
from store.testing.damage import PAGE, pages_gone_back
from store.testing.invariants import assert_sound

TABLES = ("repos", "refs", "pins", "shelves")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[bytes, list[tuple[int, bytes]]]]:
    """A closed store's file, and what its pages said before the last changes, by table."""
    path = tmp_path_factory.mktemp("files")
    with store.create(path / "s") as data:
        trips, weather = data.create_repo("trips"), data.create_repo("weather")
        for repo in (trips, weather):
            with repo.edit() as edit:
                edit.write("a", b"1")
        data.pins.put(b"pin", trips.commit().tree)
        data.shelf("jobs").put(b"1", b"running")
    (path / "older").write_bytes((path / "s/data.mdb").read_bytes())
    with store.open(path / "s") as data:
        for number in range(2):
            with data.repo("trips").edit() as edit:
                edit.write("a", b"%d" % number)
        data.hand_over("weather", "service")
        data.pins.put(b"pin", data.repo("trips").commit().tree)
        data.shelf("jobs").put(b"1", b"done")
    return (path / "s/data.mdb").read_bytes(), pages_gone_back(path / "older", path / "s/data.mdb")


@pytest.fixture
def lose(files, tmp_path: Path) -> Callable[[str], Path]:
    """The store without the last write to a table."""
    data, pages = files

    def made(table: str) -> Path:
        ((at, page),) = pages[table.encode()]
        (tmp_path / "s").mkdir()
        (tmp_path / "s/data.mdb").write_bytes(data[:at] + page + data[at + PAGE :])
        return tmp_path / "s"

    return made


def said(data: store.Store) -> list[tuple[str, str]]:
    return [(problem.invariant, problem.record) for problem in data.check().problems]


@pytest.mark.parametrize("table", TABLES)
def test_the_check_names_the_table_that_went_back(lose, table):
    with store.open(lose(table)) as data:
        assert said(data) == [("I20", f"table {table}")]


def test_sums_that_went_back_themselves_are_noticed(tmp_path):
    with store.create(tmp_path / "s") as data:
        data.create_repo("trips")
        before = kept(data)
        data.shelf("jobs").put(b"1", b"done")
        data._env.write(lambda writing: writing.put_raw(META, SUMS_KEY, before))
        assert said(data) == [("I20", "table shelves")]


def test_the_check_names_the_branch_that_was_ahead(lose):
    with store.open(lose("refs")) as data:
        (problem,) = data.check().problems
        assert [str(one) for one in problem.affects] == ["trips@master"]


def test_it_is_noticed_however_much_is_written_afterwards(lose):
    with store.open(lose("refs")) as data:
        for number in range(3):
            with data.repo("trips").edit() as edit:
                edit.write("later", b"%d" % number)
            data.shelf("jobs").put(b"1", b"%d" % number)
        assert said(data) == [("I20", "table refs")]


def test_nothing_is_collected_and_nothing_copied(lose, tmp_path):
    """What only the last pins keep would be dropped."""
    with store.open(lose("pins")) as data:
        with pytest.raises(store.Corrupt, match="table pins: its records do not add up to its sum"):
            data.plan_gc()
        with pytest.raises(store.Corrupt, match="table pins"):
            data.copy(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_repair_says_which_table_counts_as_it_is_and_the_store_is_sound(lose):
    with store.open(lose("refs")) as data:
        (mend,) = (plan := data.plan_repair()).mends
        assert mend.what.startswith("take refs as they are from now on")
        assert data.repair(plan) == 1
        assert data.plan_repair().mends == ()
        assert_sound(data)


def test_a_repair_leaves_out_sums_that_have_changed_since_the_plan(lose):
    with store.open(lose("refs")) as data:
        plan = data.plan_repair()
        data.shelf("jobs").put(b"2", b"new")
        assert data.repair(plan) == 0
        assert data.repair(data.plan_repair()) == 1
        assert_sound(data)


def test_a_salvage_makes_a_sound_store_that_keeps_sums(lose, tmp_path):
    assert store.salvage(lose("shelves"), tmp_path / "new").problems == ()
    with store.open(tmp_path / "new") as data:
        data.shelf("jobs").put(b"1", b"again")
        assert_sound(data)
        with data._env.read() as reading:
            assert sums.find(reading) is not None


@pytest.mark.parametrize("change", [lambda value: b"\0" * 8 + value[8:], lambda value: None])
def test_sums_that_are_damaged_keep_nobody_from_writing_and_are_counted_anew_by_a_repair(tmp_path, change):
    with store.create(tmp_path / "s") as data:
        data.create_repo("trips")
        value = change(kept(data))
    with lmdb.open(str(tmp_path / "s"), max_dbs=32) as env, env.begin(write=True) as txn:
        meta = env.open_db(META, txn=txn)
        txn.delete(SUMS_KEY, db=meta) if value is None else txn.put(SUMS_KEY, value, db=meta)
    with store.open(tmp_path / "s") as data:
        data.shelf("jobs").put(b"1", b"done")
        assert len(data.check().problems) == 1
        assert [mend.what[:15] for mend in data.plan_repair().mends] == ["take the tables"]
        data.repair(data.plan_repair())
        assert_sound(data)


@pytest.mark.parametrize("seed", range(5))
def test_the_sums_follow_whatever_is_written_removed_and_given_up(data, seed):
    rng = random.Random(seed)

    def change(writing):
        for _ in range(rng.randrange(8)):
            table, key = rng.choice(TABLES).encode(), b"key%d" % rng.randrange(4)
            if rng.random() < 0.3:
                writing.delete(table, key)
            else:
                writing.put(table, key, rng.randbytes(rng.randrange(3)))
        if rng.random() < 0.2:
            raise store.Refused("no")

    for _ in range(40):
        try:
            data._env.write(change)
        except store.Refused:
            continue
        with data._env.read() as reading:
            assert sums.find(reading) == sums.count(reading)


WRITER = """
import sys, store
with store.open(sys.argv[1]) as data:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        data.shelf("jobs").update({b"%d" % (number % 3): sys.argv[2].encode(), b"other": None})
        data.shelf("jobs").put(b"other", b"%d" % number)
"""


def test_the_sums_follow_two_processes_at_once(data, race):
    race(WRITER, 20)
    assert_sound(data)


def test_where_no_sums_are_kept_a_write_begins_none(data):
    data._env.write(lambda writing: writing.delete(META, SUMS_KEY))
    data.shelf("jobs").put(b"1", b"done")
    with data._env.read() as reading:
        assert sums.find(reading) is None


def kept(data: store.Store) -> bytes:
    """The record of the sums."""
    with data._env.read() as reading:
        value = reading.get_raw(META, SUMS_KEY)
    assert value is not None
    return bytes(value)
