"""Stores that earlier versions wrote open for ever, and say what they said."""

from __future__ import annotations

import io
import random
import shutil
from pathlib import Path

import pytest

import store
from store.format.tables import COARSE, FINE
from store.testing.invariants import assert_sound

STORES = Path(__file__).parent / "stores"


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """A copy of a store that was written by the first version of format 1."""
    shutil.copytree(STORES / "v1", tmp_path / "v1")
    return tmp_path / "v1"


@pytest.fixture
def fine(tmp_path: Path) -> Path:
    """A copy of a store that was written by the first version with fine chunks."""
    shutil.copytree(STORES / "fine", tmp_path / "fine")
    return tmp_path / "fine"


@pytest.fixture
def summed(tmp_path: Path) -> Path:
    """A copy of a store that was written by the first version that kept sums."""
    shutil.copytree(STORES / "summed", tmp_path / "summed")
    return tmp_path / "summed"


def test_a_store_of_format_1_opens_and_says_what_it_said(v1):
    with store.open(v1) as data:
        assert_sound(data)
        assert (data.header.format, data.header.features) == (1, ())
        trips = data.repo("trips")
        assert [(found.depth, found.message, found.author) for found in trips.log()] == [
            (2, "second", "ada"),
            (1, "first", "ada"),
        ]
        head = trips.commit()
        assert head.read("2016/7-31.csv") == b"date,trips\n2016-07-31,27651\n"
        assert head.read("large") == random.Random("large").randbytes(80_000)
        assert head.read("many/7") == b"seven\n" and trips.commit("v1").read("many/7") == b"7\n"
        assert head.entry("latest").target == b"2016/7-30.csv"
        assert trips.commit("dev").read("dev") == b"dev\n"
        assert data.repo("sales").commit().provenance[0].commit == head.id
        assert [pin.name for pin in data.pins.iter()] == [b"datum/1"]
        assert data.shelf("jobs").get(b"1") == b"done"


def test_a_store_of_format_1_is_written_and_collected(v1):
    with store.open(v1) as data:
        with data.repo("trips").edit() as edit:
            edit.write("new", b"new")
        data.delete_repo("sales")
        data.sweep(data.plan_gc())
        data.compact()
        assert_sound(data)
        assert data.header.format == 1


def test_a_store_of_format_1_cuts_files_as_it_always_did(v1, tmp_path):
    """What it holds is found when it is put again, whichever way it comes in, and a change stores little."""
    plain = random.Random("large").randbytes(80_000)
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "large").write_bytes(plain)
    with store.open(v1) as data:
        there = data.repo("trips").commit().entry("large")
        with data.repo("trips").edit() as edit:
            edit.write("again", plain)
            edit.put_directory(tmp_path / "host", "host")
            edit.put(tmp_path / "host" / "large", "single")
            edit.write("appended", plain)
            edit.append("appended", b"more")
        head = data.repo("trips").commit()
        assert {head.entry(path).content for path in ("again", "host/large", "single")} == {there.content}
        assert chunks(data, head.entry("appended"))[:-1] == chunks(data, there)[:-1]
        assert_sound(data)


def test_a_copy_of_a_store_of_format_1_is_one(v1, tmp_path):
    with store.open(v1) as data:
        data.copy(tmp_path / "copy")
    with store.open(tmp_path / "copy") as copy:
        assert (copy.header.format, copy.header.chunker) == (1, COARSE)


def test_a_bundle_goes_from_a_store_of_format_1_to_a_new_one_and_back(v1, tmp_path):
    stream = io.BytesIO()
    with store.open(v1) as old, store.create(tmp_path / "new") as new:
        old.write_bundle(stream, ["trips"])
        stream.seek(0)
        new.import_bundle(stream)
        before, head = old.repo("trips").commit(), new.repo("trips").commit()
        assert (head.digest, head.read("large")) == (before.digest, before.read("large"))
        with new.repo("trips").edit() as edit:
            edit.append("large", b"more")
        stream = io.BytesIO()
        new.write_bundle(stream, ["trips"], since=["trips@master^"])
        stream.seek(0)
        old.import_bundle(stream)
        assert old.repo("trips").commit().read("large") == before.read("large") + b"more"
        assert_sound(old)
        assert_sound(new)


def test_a_store_with_fine_chunks_opens_and_cuts_files_as_it_did(fine):
    plain = random.Random("large").randbytes(200_000)
    with store.open(fine) as data:
        assert_sound(data)
        assert (data.header.format, data.header.features, data.header.chunker) == (2, ("fine-chunks",), FINE)
        there = data.repo("trips").commit().entry("large")
        assert data.repo("trips").commit().read("large") == plain
        assert data.repo("trips").commit().read("7-31.csv") == b"date,trips\n2016-07-31,27651\n"
        with data.repo("trips").edit() as edit:
            edit.write("again", plain)
        assert data.repo("trips").commit().entry("again").content == there.content


def test_a_store_with_sums_opens_and_carries_them_on(summed):
    with store.open(summed) as data:
        assert_sound(data)
        assert (data.header.format, data.header.features) == (2, ("fine-chunks", "sums"))
        trips = data.repo("trips")
        assert trips.commit().read("7-31.csv") == b"date,trips\n2016-07-31,27651\n"
        assert data.shelf("jobs").get(b"1") == b"done"
        with trips.edit() as edit:
            edit.write("new", b"new")
        data.pins.delete(b"datum/1")
        assert_sound(data)


def chunks(data: store.Store, entry: store.Entry) -> list[bytes]:
    return [extent.chunk for extent in data.extents(entry, 0, entry.size)]


@pytest.mark.parametrize(("name", "features"), [("v1", ("sums",)), ("fine", ("fine-chunks", "sums"))])
def test_a_store_of_an_earlier_version_is_upgraded_and_carries_sums_on(name, features, request):
    with store.open(request.getfixturevalue(name)) as data:
        before = data.header.chunker
        assert [step.feature for step in data.upgrade().steps] == ["sums"]
        assert data.plan_upgrade().steps == ()
        assert (data.header.format, data.header.features, data.header.chunker) == (2, features, before)
        with data.repo("trips").edit() as edit:
            edit.write("new", b"new")
        assert_sound(data)
