"""Where a stream is cut: what the published algorithm says, for ever."""

from __future__ import annotations

import io
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfastcdc.py import FastCDC as Specification

from store.chunker import AVERAGE, MAXIMUM, MINIMUM, cut
from store.testing.strategies import pseudo_random


def sizes(plain: bytes) -> list[int]:
    return [len(chunk) for chunk in cut(io.BytesIO(plain))]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(0, 700_000), st.sampled_from((256, 4, 1)))
def test_the_compiled_chunker_cuts_where_the_plain_one_does(seed, size, values):
    plain = bytes(random.Random(seed).choices(range(values), k=size))
    chunker = Specification(AVERAGE, min_size=MINIMUM, max_size=MAXIMUM, normalized_chunking=1)
    assert sizes(plain) == [chunk.length for chunk in chunker.cut_buf(plain)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9), st.integers(0, 2_000_000))
def test_chunks_are_the_stream_in_order_within_the_bounds(seed, size):
    plain = pseudo_random(seed, 100_000)
    plain = (plain * (size // len(plain) + 1))[:size]
    chunks = list(cut(io.BytesIO(plain)))
    assert b"".join(chunks) == plain
    assert all(MINIMUM <= len(chunk) <= MAXIMUM for chunk in chunks[:-1])
    assert not chunks or 1 <= len(chunks[-1]) <= MAXIMUM


def test_a_fixed_stream_is_cut_where_it_always_was():
    boundaries = list(itertools.accumulate(sizes(pseudo_random(42, 1_000_000))))
    assert boundaries == RECORDED


@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"a"])
def test_a_stream_of_one_byte_repeated_is_cut_at_the_maximum(byte):
    assert sizes(byte * (MAXIMUM * 3 + 5)) == [MAXIMUM] * 3 + [5]


RECORDED = [70564, 168400, 292720, 381822, 475250, 543419, 639174, 754491, 792877, 915311, 995335, 1000000]
"""Ends of the chunks of that stream. When these change, files put again are stored again: never change them lightly."""
