"""Where a stream is cut: what the published algorithm says, for ever."""

from __future__ import annotations

import io
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfastcdc.py import FastCDC as Specification

from store.chunker import LEVELS, Chunker
from store.format.tables import COARSE, FINE
from store.testing.strategies import pseudo_random

WAYS = [Chunker.of(cutting) for cutting in LEVELS]
ways = pytest.mark.parametrize("chunker", WAYS, ids=["coarse", "fine"])


def sizes(chunker: Chunker, plain: bytes) -> list[int]:
    return [len(chunk) for chunk in chunker.cut(io.BytesIO(plain))]


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(WAYS), st.integers(0, 1 << 32), st.integers(0, 700_000), st.sampled_from((256, 4, 1)))
def test_the_compiled_chunker_cuts_where_the_plain_one_does(chunker, seed, size, values):
    plain = bytes(random.Random(seed).choices(range(values), k=size))
    plainly = Specification(
        chunker.average,
        min_size=chunker.minimum,
        max_size=chunker.maximum,
        normalized_chunking=chunker.level,
    )
    assert sizes(chunker, plain) == [chunk.length for chunk in plainly.cut_buf(plain)]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(WAYS), st.integers(0, 9), st.integers(0, 2_000_000))
def test_chunks_are_the_stream_in_order_within_the_bounds(chunker, seed, size):
    plain = pseudo_random(seed, 100_000)
    plain = (plain * (size // len(plain) + 1))[:size]
    chunks = list(chunker.cut(io.BytesIO(plain)))
    assert b"".join(chunks) == plain
    assert all(chunker.minimum <= len(chunk) <= chunker.maximum for chunk in chunks[:-1])
    assert not chunks or 1 <= len(chunks[-1]) <= chunker.maximum


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(WAYS),
    st.integers(0, 9),
    st.integers(0, 1_500_000),
    st.sampled_from((100_000, 400_000, 2_000_000)),
)
def test_windows_of_any_size_are_cut_where_the_whole_stream_is(chunker, seed, size, window):
    plain = pseudo_random(seed, size)
    windows = chunker.cut_windows(io.BytesIO(plain).readinto, window, 1)
    assert [len(chunk) for each in windows for chunk in each.chunks] == sizes(chunker, plain)


class Sparse(io.BytesIO):
    """A stream that knows where its holes are, and counts what is read of it."""

    def __init__(self, parts: list[bytes | int]) -> None:
        """Bytes, and the lengths of holes."""
        super().__init__(b"".join(bytes(part) if isinstance(part, int) else part for part in parts))
        ends = list(itertools.accumulate(len(part) if isinstance(part, bytes) else part for part in parts))
        self._holes = [
            (end - part, end) for part, end in zip(parts, ends, strict=True) if isinstance(part, int)
        ]
        self.count = 0

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.count += count
        return count

    def ahead(self, least: int) -> tuple[int, int]:
        at = self.tell()
        for start, end in self._holes:
            if end - max(start, at) >= least:
                return max(start, at) - at, end - max(start, at)
        return 0, 0

    def skip(self, size: int) -> None:
        self.seek(size, io.SEEK_CUR)


def parts() -> st.SearchStrategy[list[bytes | int]]:
    """Data between holes, with zeros at its edges now and then, and holes that are worth skipping and are not."""
    data = st.builds(
        lambda seed, size, before, after: bytes(before) + pseudo_random(seed, size) + bytes(after),
        st.integers(0, 9),
        st.integers(0, 400_000),
        st.sampled_from((0, 0, 1, 300_000)),
        st.sampled_from((0, 0, 1, 300_000)),
    )
    holes = st.integers(0, 2_500_000) | st.integers(0, 12).map(lambda count: count * (128 << 10))
    return st.lists(data | holes, max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WAYS), parts(), st.sampled_from((100_000, 400_000, 4 << 20)))
def test_holes_are_cut_where_the_zeros_that_they_read_as_are(chunker, parts, size):
    stream = Sparse(parts)
    cut = []
    for chunks, times in chunker.cut_windows(stream.readinto, size, 1, stream):
        cut += [bytes(chunk) for chunk in chunks] * times
    assert cut == list(chunker.cut(io.BytesIO(stream.getvalue())))


@ways
def test_of_a_long_hole_only_the_edges_are_read(chunker):
    stream = Sparse([b"before", 100 << 20, b"after"])
    windows = list(chunker.cut_windows(stream.readinto, 1 << 20, 9, stream))
    assert stream.count < 4 * chunker.maximum
    assert sum(len(window.chunks) for window in windows) < 8


@pytest.mark.parametrize("cutting", [COARSE, FINE], ids=["coarse", "fine"])
def test_a_fixed_stream_is_cut_where_it_always_was(cutting):
    assert (
        list(itertools.accumulate(sizes(Chunker.of(cutting), pseudo_random(42, 1_000_000))))
        == RECORDED[cutting]
    )


@ways
@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"a"])
def test_a_stream_of_one_byte_repeated_is_cut_at_the_maximum(chunker, byte):
    assert sizes(chunker, byte * (chunker.maximum * 3 + 5)) == [chunker.maximum] * 3 + [5]


# fmt: off
RECORDED = {
    COARSE: [70564, 168400, 292720, 381822, 475250, 543419, 639174, 754491, 792877, 915311, 995335, 1000000],
    FINE: [
        34720, 67867, 104485, 138667, 179099, 218439, 256570, 276417, 327323, 369162, 412591, 467508, 501442,
        542725, 551157, 601980, 639174, 671956, 719646, 754289, 788149, 821042, 865083, 908377, 943665, 988394,
        1000000,
    ],
}
# fmt: on
"""Ends of the chunks of that stream. When these change, files put again are stored again: never change them lightly."""
