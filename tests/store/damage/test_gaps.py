"""That nothing is there is an answer only where what lies around it is what was written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

import store


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """A closed store with the pins a, c and e."""
    with store.create(tmp_path / "s") as data:
        with data.create_repo("trips").edit() as edit:
            edit.write("first", b"1")
        for name in (b"a", b"c", b"e"):
            data.pins.put(name, data.repo("trips").commit().tree)
    return tmp_path / "s"


def alter(path: Path, key: bytes, change: Callable[[bytes], tuple[bytes, bytes]]) -> None:
    """Put what `change` makes of a pin in its place, key and value."""
    with lmdb.open(os.fspath(path), max_dbs=32) as env, env.begin(write=True) as txn:
        pins = env.open_db(b"pins", txn=txn)
        txn.put(*change(txn.pop(key, db=pins)), db=pins)


def damage(path: Path, key: bytes) -> None:
    alter(path, key, lambda value: (key, value[:-1] + bytes([value[-1] ^ 1])))


def test_what_is_not_there_is_not_there_though_its_neighbour_is_damaged(pins):
    damage(pins, b"c")
    with store.open(pins) as data:
        assert data.pins.get(b"b") is None and list(data.pins.iter(b"cc")) == []


def test_nothing_can_be_said_of_what_lies_between_damaged_records(pins):
    for name in (b"a", b"c"):
        damage(pins, name)
    with store.open(pins) as data:
        for ask in (lambda: data.pins.get(b"b"), lambda: list(data.pins.iter(b"b/"))):
            with pytest.raises(store.Corrupt):
                ask()
        assert data.pins.get(b"f") is None and data.pins.get(b"e") is not None


def test_a_record_whose_key_is_damaged_is_not_gone(pins):
    """One bit of it: `c` has become `b`."""
    alter(pins, b"c", lambda value: (b"b", value))
    with store.open(pins) as data:
        with pytest.raises(store.Corrupt):
            data.pins.get(b"c")
        assert data.pins.get(b"d") is None
