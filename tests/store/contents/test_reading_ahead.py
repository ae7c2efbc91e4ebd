"""File objects that read ahead: the same bytes as the plain ones, wherever the reader jumps and whatever is damaged."""

from __future__ import annotations

import io
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store.errors import Corrupt
from store.readahead import AHEAD, WINDOW, FileReader, Threads

SIZE = 7 * WINDOW + 12_345
DATA = random.Random("reading ahead").randbytes(SIZE)


class Source:
    """Gives bytes of DATA, notes what was asked for, and is damaged at one offset."""

    def __init__(self, damaged: int = -1) -> None:
        self.damaged, self.asked = damaged, list[tuple[int, int]]()

    def fill(self, offset: int, buffer: memoryview) -> None:
        self.asked.append((offset, len(buffer)))
        if offset <= self.damaged < offset + len(buffer):
            raise Corrupt("chunk", "it is damaged")
        buffer[:] = DATA[offset : offset + len(buffer)]


@pytest.fixture
def threads():
    made = Threads()
    yield made
    made.close()


moves = st.lists(
    st.tuples(
        st.none() | st.integers(0, SIZE + 10), st.sampled_from([1, 4096, 65_536, 300_000, WINDOW, 3 * WINDOW])
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=60)
@given(moves)
def test_any_seeks_and_reads_give_what_a_plain_file_gives(moves):
    pool = Threads()
    plain, ours = io.BytesIO(DATA), io.BufferedReader(FileReader(SIZE, Source().fill, pool), 65_536)
    for to, size in moves:
        if to is not None:
            assert ours.seek(to) == plain.seek(to)
        assert ours.read(size) == plain.read(size)
        assert ours.tell() == plain.tell()
    assert ours.read() == plain.read()
    ours.close()
    pool.close()


def test_a_reader_that_goes_on_gets_windows_and_one_that_jumps_gets_what_it_asks_for(threads):
    going, jumping = Source(), Source()
    with io.BufferedReader(FileReader(SIZE, going.fill, threads), 65_536) as file:
        while file.read(65_536):
            pass
    whole = [size for _, size in going.asked if size >= WINDOW]
    assert len(whole) == SIZE // WINDOW and len(going.asked) <= len(whole) + 2
    with io.BufferedReader(FileReader(SIZE, jumping.fill, threads), 65_536) as file:
        for offset in range(SIZE - WINDOW, 0, -WINDOW):
            file.seek(offset)
            file.read(4096)
    assert {size for _, size in jumping.asked} == {65_536}


def test_never_more_than_a_few_windows_are_held(threads):
    reader = FileReader(SIZE, Source().fill, threads)
    buffer = memoryview(bytearray(10_000))
    while reader.readinto(buffer):
        assert len(reader._windows) <= AHEAD + 2  # one read may touch two
    reader.close()
    assert not reader._windows


def test_damage_is_met_where_it_lies_and_everything_around_it_is_read(threads):
    damaged = 3 * WINDOW + 500_000
    reader = FileReader(SIZE, Source(damaged).fill, threads)
    got, buffer = bytearray(), memoryview(bytearray(100_000))
    while reader.tell() < SIZE:
        at = reader.tell()
        try:
            got += buffer[: reader.readinto(buffer)]
        except Corrupt:
            assert at <= damaged < at + len(buffer)
            got += DATA[at : at + len(buffer)]
            reader.seek(at + len(buffer))
    assert got == DATA


def test_a_large_read_over_damage_is_refused_and_the_reader_stays_where_it_was(threads):
    reader = FileReader(SIZE, Source(5 * WINDOW).fill, threads)
    with pytest.raises(Corrupt):
        reader.readall()
    assert reader.tell() == 0


def test_a_file_is_read_on_in_a_fork(tmp_path):
    with store.create(tmp_path / "store") as opened:
        trips = opened.create_repo("trips")
        with trips.edit() as edit:
            edit.write("a", DATA)
        with trips.commit().open("a") as file:
            assert file.read(3 * WINDOW) == DATA[: 3 * WINDOW]
            assert file.read(65_536) == DATA[3 * WINDOW :][:65_536]
            child = os.fork()
            if child == 0:
                os._exit(0 if file.read() == DATA[3 * WINDOW + 65_536 :] else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert file.read() == DATA[3 * WINDOW + 65_536 :]


def test_closing_the_store_ends_its_reading_threads(tmp_path):
    with store.create(tmp_path / "store") as opened:
        trips = opened.create_repo("trips")
        with trips.edit() as edit:
            edit.write("a", DATA)
        file = trips.commit().open("a")
        file.read(WINDOW)
        file.read(WINDOW)
    with pytest.raises((ValueError, store.StoreError)):
        file.read(5 * WINDOW)
    file.close()
