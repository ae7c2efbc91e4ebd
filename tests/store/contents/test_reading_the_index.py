"""Whoever waits for the index has all of it read at once; whoever does not is left alone."""

from __future__ import annotations

import random
from itertools import pairwise
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.engine import index
from store.engine.index import AGAIN, AGAIN_SECONDS, GAP, PATIENCE, SLOW_NS, Index, ask_for, runs
from store.engine.pagefile import PageFile
from store.engine.txn import OBJECTS, SEGMENTS


@given(st.sets(st.integers(0, 500)))
def test_runs_hold_every_page_once_and_few_others(pages):
    found = list(runs(list(pages)))
    covered = [number for first, count in found for number in range(first, first + count)]
    assert pages <= set(covered) and len(covered) == len(set(covered)) and covered == sorted(covered)
    for first, count in found:
        inside = sorted(number for number in pages if first <= number < first + count)
        assert inside[0] == first and inside[-1] == first + count - 1
        assert all(after - before <= GAP for before, after in pairwise(inside))


@pytest.fixture
def written(data):
    """A store with an index of several pages."""
    random_ = random.Random("index")
    with data.create_repo("trips").edit() as edit:
        for number in range(400):
            edit.write(f"f{number}", random_.randbytes(100))
    return data


def test_every_page_of_the_index_is_asked_for(written, asked):
    with written._env.read() as reading, PageFile(written.path / "data.mdb") as file:
        tree = file.find_table(reading.number, OBJECTS)
        leaves = list(file.leaves(tree))
        ask_for(file, tree)
    pages = {at // file.page_size + number for at, size in asked for number in range(size // file.page_size)}
    assert len(leaves) > 2 and set(leaves) <= pages


def test_places_and_segments_are_both_asked_for(written, monkeypatch):
    trees = []
    monkeypatch.setattr(index, "ask_for", lambda file, tree: trees.append(tree.entries))
    Index(written.path / "data.mdb")._ask(written.last_txnid())
    with written._env.read() as reading:
        assert trees == [reading.count(OBJECTS), reading.count(SEGMENTS)]


def test_an_index_that_is_too_large_is_left_alone(written, asked, monkeypatch):
    monkeypatch.setattr(index, "MOST", 4096)
    with written._env.read() as reading, PageFile(written.path / "data.mdb") as file:
        ask_for(file, file.find_table(reading.number, OBJECTS))
    assert asked == []


class Faults:
    """A kernel that says of every look that it waited for the disk."""

    def __init__(self) -> None:
        self.ru_majflt = 0

    def __call__(self, who: int) -> Faults:
        self.ru_majflt += 1
        return self


@pytest.fixture
def watched(written, monkeypatch):
    """An index, and what it was asked for so far."""
    heard: list[int] = []
    monkeypatch.setattr(Index, "_ask", lambda self, state: heard.append(state))

    monkeypatch.setattr(index, "getrusage", Faults())

    class AtOnce:
        def __init__(self, target, args, **_):
            self.start = lambda: target(*args)

    monkeypatch.setattr(index, "Thread", AtOnce)
    return Index(written.path / "data.mdb"), heard


def test_it_is_asked_for_after_some_slow_looks_and_not_again_at_once(written, watched):
    watching, heard = watched
    with written._env.read() as reading:
        for _ in range(PATIENCE - 1):
            watching.looked(reading, SLOW_NS)
        assert heard == []
        for _ in range(AGAIN):
            watching.looked(reading, SLOW_NS)
        assert heard == [reading.number]


def test_it_is_asked_for_again_when_looks_are_slow_later(written, watched, monkeypatch):
    watching, heard = watched
    with written._env.read() as reading:
        for now in (0.0, AGAIN_SECONDS + 1):
            monkeypatch.setattr(index, "monotonic", lambda now=now: now)
            for _ in range(PATIENCE):
                watching.looked(reading, SLOW_NS)
        assert heard == [reading.number] * 2


def test_it_is_asked_for_again_at_once_when_very_many_looks_are_slow(written, watched):
    watching, heard = watched
    with written._env.read() as reading:
        for _ in range(PATIENCE + 2 * AGAIN):
            watching.looked(reading, SLOW_NS)
        assert heard == [reading.number] * 3


def test_looks_that_waited_for_the_processor_alone_ask_for_nothing(written, watched, monkeypatch):
    watching, heard = watched
    kernel = Faults()
    monkeypatch.setattr(index, "getrusage", lambda who: kernel)
    with written._env.read() as reading:
        for _ in range(100):
            watching.looked(reading, 1000 * SLOW_NS)
    assert heard == []


def test_quick_looks_ask_for_nothing(written, watched):
    watching, heard = watched
    with written._env.read() as reading:
        for _ in range(100):
            watching.looked(reading, SLOW_NS - 1)
    assert heard == []


def test_who_may_start_no_thread_reads_all_the_same(written, watched, monkeypatch):
    def full(**_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(index, "SLOW_NS", 0)
    monkeypatch.setattr(index, "Thread", full)
    commit = written.repo("trips").head()
    assert [len(commit.read(f"f{number}")) for number in range(AGAIN)] == [100] * AGAIN


def test_a_store_that_was_removed_is_asked_for_nothing_and_nobody_hears_of_it(written, asked):
    state = written.last_txnid()
    (written.path / "data.mdb").unlink()
    Index(written.path / "data.mdb")._ask(state)
    assert asked == []


@pytest.mark.parametrize("rubbish", [b"\0", b"\1", b"\xff"])
def test_a_damaged_index_is_left_to_those_who_read_it(written, asked, rubbish):
    where = written.path / "data.mdb"
    state = written.last_txnid()
    with PageFile(where) as file:
        root = file.find_table(state, OBJECTS).root
    with open(where, "r+b") as writable:
        writable.seek(root * 4096)
        writable.write(rubbish * 4096)
    Index(where)._ask(state)
    assert asked == []


def test_a_state_that_is_over_is_asked_for_nothing(written, asked):
    Index(written.path / "data.mdb")._ask(written.last_txnid() + 7)
    assert asked == []


def test_reading_looks_at_the_index(written, monkeypatch):
    heard = Event()
    monkeypatch.setattr(index, "SLOW_NS", 0)
    monkeypatch.setattr(index, "getrusage", Faults())
    monkeypatch.setattr(Index, "_ask", lambda self, state: heard.set())
    commit = written.repo("trips").head()
    for number in range(PATIENCE):
        commit.read(f"f{number}")
    assert heard.wait(10)
