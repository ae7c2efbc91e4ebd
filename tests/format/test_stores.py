"""Stores that earlier versions wrote open for ever, and say what they said."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

import store
from store.testing.invariants import assert_sound

STORES = Path(__file__).parent / "stores"


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """A copy of a store that was written by the first version of format 1."""
    shutil.copytree(STORES / "v1", tmp_path / "v1")
    return tmp_path / "v1"


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


def test_a_store_of_format_1_can_be_upgraded(v1):
    with store.open(v1) as data:
        data.upgrade()
        assert data.plan_upgrade().steps == ()
        assert_sound(data)
