"""Features: what a store has beyond format 1, and how it comes by them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import store
from store import upgrade
from store.engine import Writing
from store.format import tables
from store.format.tables import HEADER_KEY, META
from store.testing.invariants import assert_sound
from store.upgrade import Step

KNOWN = dict(tables.FEATURES)


class OldHeader(msgspec.Struct, array_like=True):
    """What versions before features look at."""

    format: int
    created_ns: int
    id: bytes
    chunker: tuple[str, int, int, int]


def shelve(writing: Writing, key: bytes) -> None:
    writing.put(tables.SHELVES, b"upgraded\0" + key, b"")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> tuple[Step, Step]:
    """A version that knows two features."""
    made = (
        Step("one", "writes one", False, lambda writing: shelve(writing, b"one")),
        Step("two", "writes two", True, lambda writing: shelve(writing, b"two")),
    )
    monkeypatch.setattr(tables, "FEATURES", KNOWN | {"one": "the first", "two": "the second"})
    monkeypatch.setattr(upgrade, "STEPS", made)
    return made


def test_a_new_store_has_all_features_that_there_are(data):
    assert (data.header.format, data.header.features) == (2, tuple(tables.FEATURES))
    assert data.plan_upgrade().steps == () == data.upgrade().steps


def test_an_upgrade_takes_all_steps_in_order_and_a_second_one_none(data, steps):
    assert data.plan_upgrade().steps == steps
    assert data.header.features == tuple(KNOWN)
    assert data.upgrade().steps == steps
    assert (data.header.format, data.header.features) == (2, tuple(sorted([*KNOWN, "one", "two"])))
    assert [key for key, _ in data.shelf("upgraded").iter()] == [b"one", b"two"]
    assert data.upgrade().steps == ()
    assert_sound(data)


def test_a_version_that_lacks_a_feature_refuses_and_names_it(tmp_path, steps, monkeypatch):
    with store.create(tmp_path) as data:
        data.upgrade()
    store.open(tmp_path).close()
    monkeypatch.setattr(tables, "FEATURES", KNOWN | {"one": "the first"})
    with pytest.raises(store.NewerFormat, match="needs 'two', which this version does not know") as caught:
        store.open(tmp_path)
    assert caught.value.features == ("two",)
    assert caught.value.hint() == "upgrade pfsfuse"


def test_a_version_that_cuts_coarsely_alone_refuses_a_new_store_and_names_why(tmp_path, monkeypatch):
    store.create(tmp_path).close()
    monkeypatch.setattr(tables, "FEATURES", {})
    with pytest.raises(store.NewerFormat, match="needs 'fine-chunks', 'sums', which this version does not"):
        store.open(tmp_path)


def test_a_version_from_before_features_refuses_by_the_number(data):
    with data._env.read() as reading:
        old = msgspec.msgpack.decode(reading.get(META, HEADER_KEY) or b"", type=OldHeader)
    assert old.format == 2 > tables.PLAIN


def test_a_step_that_fails_leaves_the_store_as_it_was(data, steps, monkeypatch):
    def fail(writing: Writing) -> None:
        shelve(writing, b"half")
        raise store.Refused("no")

    monkeypatch.setattr(upgrade, "STEPS", (steps[0], Step("two", "fails", False, fail)))
    with pytest.raises(store.Refused):
        data.upgrade()
    assert data.header.features == tuple(KNOWN)
    assert not list(data.shelf("upgraded").iter())
    assert_sound(data)


USER = """
import sys, store
with store.open(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.readline()
"""


def test_a_step_that_needs_the_store_for_itself_is_refused_while_another_process_has_it_open(
    tmp_path: Path, steps
):
    with store.create(tmp_path / "s") as data:
        user = subprocess.Popen(
            [sys.executable, "-c", USER, tmp_path / "s"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert user.stdout is not None and user.stdout.readline() == "open\n"
        with pytest.raises(store.InUse, match=f"process {user.pid},"):
            data.upgrade()
        assert data.plan_upgrade().steps == steps
        user.communicate("\n")
        assert data.upgrade().steps == steps
