"""A check names whom damage affects: the repos, commits and paths, all of them and no others."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

import store
from store.format import commit as commits
from store.format import segment
from store.ids import ObjectId
from store.store import Store


def noise(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)


LARGE = noise("large", 900_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store: two commits of trips, one of weather that shares a file with them, a pin."""
    with store.create(tmp_path / "s") as data:
        trips, weather = data.create_repo("trips"), data.create_repo("weather")
        with trips.edit() as first:
            first.write("dir/large", LARGE)
            first.write("dir/small", b"small")
            for number in range(700):
                first.write(f"many/{number}", b"%d" % number)
        with trips.edit() as second:
            second.write("dir/small", b"another")
        with weather.edit() as other:
            other.write("copy", LARGE)
        assert second.result is not None
        data.pins.put(b"datum/1", second.result.tree)
    return tmp_path / "s"


def names(data: Store) -> tuple[str, str, str]:
    trips, weather = data.repo("trips"), data.repo("weather").commit()
    return (
        f"trips@{trips.commit('master.1').id}",
        f"trips@{trips.commit('master.2').id}",
        f"weather@{weather.id}",
    )


def alter(path: Path, table: bytes, key: bytes, change: Callable[[bytes], bytes | None]) -> None:
    with lmdb.open(os.fspath(path), max_dbs=32) as env, env.begin(write=True) as txn:
        handle: Any = env.open_db(table, txn=txn)
        new = change(txn.get(key, db=handle))
        if new is None:
            assert txn.delete(key, db=handle)
        else:
            txn.put(key, new, db=handle)


def flip_last(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def affected(path: Path, *, read_data: bool = False) -> tuple[set[str], store.Report]:
    with store.open(path) as data:
        report = data.check(read_data=read_data)
    return {str(one) for problem in report.problems for one in problem.affects}, report


def place_of(data: Store, name: bytes) -> segment.Place:
    with data._env.read() as reading:
        value = reading.get_raw(b"objects", name)
        assert value is not None
        return segment.decode_place(value)


def number_of(data: Store, name: bytes) -> bytes:
    return place_of(data, name).segment.to_bytes(8, "big")


def test_a_sound_store_is_sound_and_counted(path):
    found, report = affected(path, read_data=True)
    assert found == set() and report.sound and report.read_data
    assert (report.repos, report.commits, report.pins, report.garbage) == (2, 3, 1, 0)
    assert report.objects > 700 and 0 < report.segments < report.objects


def test_a_chunk_with_other_bytes_is_found_by_reading_and_names_every_file_that_has_it(path):
    with store.open(path) as data:
        one, two, weather = names(data)
        found = data.repo("weather").commit().entry("copy")
        key = number_of(data, data.extents(found, 500_000, 1)[0].chunk)
        chunks = [extent.chunk for extent in data.extents(found, 0, found.size)]
        chunk = [chunk for chunk in chunks if number_of(data, chunk) == key][-1]
    alter(path, b"segments", key, flip_last)
    assert affected(path)[0] == set()
    found, report = affected(path, read_data=True)
    assert found == {f"{one}:dir/large", f"{two}:dir/large", f"{weather}:copy", "pin datum/1:dir/large"}
    (problem,) = report.problems
    assert (problem.invariant, problem.record) == ("I2", f"object {chunk}")


def test_a_chunk_that_is_missing_is_found_without_reading(path):
    with store.open(path) as data:
        one, two, weather = names(data)
        chunk = data.extents(data.repo("weather").commit().entry("copy"), 0, 1)[0].chunk
    alter(path, b"objects", chunk, lambda value: None)
    found, report = affected(path)
    assert found == {f"{one}:dir/large", f"{two}:dir/large", f"{weather}:copy", "pin datum/1:dir/large"}
    assert [problem.why for problem in report.problems] == ["it is missing"]


def test_a_list_that_is_missing_names_the_files(path):
    with store.open(path) as data:
        one, two, weather = names(data)
        entry = data.repo("weather").commit().entry("copy")
        assert entry.height > 0 and entry.content is not None
    alter(path, b"objects", entry.content, lambda value: None)
    assert affected(path)[0] == {
        f"{one}:dir/large",
        f"{two}:dir/large",
        f"{weather}:copy",
        "pin datum/1:dir/large",
    }


def test_a_directory_that_is_missing_names_it_in_the_commits_that_have_it(path):
    with store.open(path) as data:
        one, *_ = names(data)
        old = data.repo("trips").commit("master.1").entry("dir")
    alter(path, b"objects", old.content or b"", lambda value: None)
    assert affected(path)[0] == {f"{one}:dir"}


def test_a_leaf_of_a_large_directory_names_the_directory(path):
    with store.open(path) as data:
        one, two, _ = names(data)
        many = data.repo("trips").commit().entry("many")
        root = data._trees.load_node(ObjectId(many.content or b""))
        leaf = root.items[0]
    assert root.level == 1
    alter(path, b"objects", leaf.id, lambda value: None)
    assert affected(path)[0] == {f"{one}:many", f"{two}:many", "pin datum/1:many"}


def test_a_whole_shared_segment_names_everything_in_it_and_nothing_raises(path):
    with store.open(path) as data:
        one, _, weather = names(data)
        root = data.repo("trips").commit("master.1").tree.content or b""
        key = number_of(data, root)
    alter(path, b"segments", key, lambda value: value[:40])
    found, report = affected(path)
    assert {f"{one}:", f"{weather}:copy"} <= found  # the list of chunks is in it, the chunks are not
    assert {problem.invariant for problem in report.problems} == {"I3", "I4"}


def test_a_commit_record_names_the_commit(path):
    with store.open(path) as data:
        first = data.repo("trips").commit("master.1")
    alter(path, commits.TABLE, commits.key(first.id, "trips"), flip_last)
    found, report = affected(path)
    assert f"trips@{first.id}" in found
    assert {problem.invariant for problem in report.problems} == {"I1"}


@pytest.mark.parametrize(
    ("table", "key", "who"),
    [
        (b"repos", b"trips", "trips"),
        (b"refs", b"trips\0b\0master", "trips@master"),
        (b"pins", b"datum/1", "pin datum/1"),
    ],
)
def test_a_small_record_names_its_owner(path, table, key, who):
    alter(path, table, key, flip_last)
    assert who in affected(path)[0]


def test_damage_to_what_nobody_needs_affects_nobody(path):
    with store.open(path) as data:
        chunk = data.extents(data.repo("weather").commit().entry("copy"), 0, 1)[0].chunk
        key = number_of(data, chunk)
        for repo in ("trips", "weather"):
            data.delete_repo(repo)
        data.pins.delete(b"datum/1")
    alter(path, b"segments", key, flip_last)
    found, report = affected(path, read_data=True)
    assert found == set() and [problem.invariant for problem in report.problems] == ["I2"]
    assert report.garbage == report.objects
    with store.open(path) as data:
        data.sweep(data.plan_gc())
        assert data.check(read_data=True).sound


def test_what_affects_very_many_is_cut_short_and_says_so(tmp_path):
    with store.create(tmp_path / "s") as data:
        trips = data.create_repo("trips")
        for number in range(60):
            with trips.edit() as edit:
                edit.write("same", b"the same")
                edit.write("again", b"the same")
                edit.write("other", b"%d" % number)
    alter(tmp_path / "s", b"objects", ObjectId.of(b"the same"), lambda value: None)
    _, report = affected(tmp_path / "s")
    (problem,) = report.problems
    assert problem.more and len(problem.affects) == 100


def test_random_damage_in_any_table_is_an_answer(path):
    rng = random.Random(3)
    with lmdb.open(os.fspath(path), max_dbs=32) as env, env.begin() as txn:
        tables = [bytes(key) for key, _ in txn.cursor()]
        keys = {table: [bytes(key) for key, _ in txn.cursor(env.open_db(table, txn=txn))] for table in tables}
    for table in tables:
        for key in rng.sample(keys[table], min(4, len(keys[table]))):
            kept: list[bytes] = []

            def change(value: bytes, kept: list[bytes] = kept) -> bytes:
                kept.append(value)
                at = rng.randrange(len(value))
                return rng.choice(
                    (
                        b"",
                        value[:at],
                        value[:at] + bytes([value[at] ^ 255]) + value[at + 1 :],
                        rng.randbytes(40),
                    )
                )

            alter(path, table, key, change)
            try:
                assert not affected(path, read_data=True)[1].sound, (table, key)
            except (store.NotAStore, store.Corrupt):
                assert table == b"meta"
            alter(path, table, key, lambda value, kept=kept: kept[0])  # type: ignore[misc]  # bound at once
    assert affected(path, read_data=True)[1].sound


def test_progress_is_told_what_is_done_and_of_how_many(path):
    said: list[tuple[str, int, int]] = []
    with store.open(path) as data:
        data.create_repo("more")
        with data.repo("more").edit() as edit:
            for number in range(900):
                edit.write(f"{number}", b"more %d" % number)
        data.check(progress=lambda *told: said.append(told))
    assert {what for what, _, _ in said} <= {"segments", "objects"}
    assert said and all(0 < done <= total for what, done, total in said if what == "objects")
