"""Any ancestor in about 3 log2(n) steps, against a plain list of commits."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import history
from store.history import jump_depth
from store.ids import CommitId
from store.records import CommitRecord
from store.testing.examples import FIRST


class Line:
    """A history without branches in which depth N is commit number N, finished at 10 N; counts what is loaded."""

    def __init__(self) -> None:
        self.loads = 0

    def __call__(self, commit: CommitId) -> CommitRecord:
        self.loads += 1
        return self.at(int.from_bytes(commit, "big"))

    def at(self, depth: int) -> CommitRecord:
        if depth == 1:
            return FIRST
        return replace(
            FIRST,
            id=CommitId(depth.to_bytes(16, "big")),
            depth=depth,
            parent=CommitId((depth - 1).to_bytes(16, "big")),
            jump=CommitId(jump_depth(depth).to_bytes(16, "big")),
            finished_ns=10 * depth,
        )


@pytest.mark.parametrize(
    ("depth", "jump"),
    [
        (2, 1),
        (3, 2),
        (4, 1),
        (5, 4),
        (6, 5),
        (7, 4),
        (8, 1),
        (9, 8),
        (10, 9),
        (11, 8),
        (12, 11),
        (15, 8),
        (16, 1),
    ],
)
def test_a_jump_leaves_out_the_smallest_term_of_the_depth_in_skew_binary(depth, jump):
    assert jump_depth(depth) == jump


@given(st.integers(2, 1 << 60))
def test_a_jump_goes_back_and_stays_in_the_ancestry(depth):
    assert 1 <= jump_depth(depth) < depth


def test_every_pair_of_depths_is_connected():
    line = Line()
    for depth in range(1, 80):
        for wanted in range(1, depth + 1):
            assert history.at_depth(line, line.at(depth), wanted).depth == wanted


@given(st.integers(1, 1_000_000), st.data())
def test_any_of_a_million_ancestors_is_found_in_few_steps(depth, data):
    line = Line()
    wanted = data.draw(st.integers(1, depth))
    assert history.at_depth(line, line.at(depth), wanted).depth == wanted
    assert line.loads <= 3 * math.log2(1_000_000)


@given(st.integers(1, 1_000_000), st.data())
def test_the_last_commit_before_a_time_is_found_in_few_steps(depth, data):
    line = Line()
    time_ns = data.draw(st.integers(0, 10 * depth + 20))
    found = history.at_time(line, line.at(depth), time_ns)
    expected = min(time_ns // 10, depth)
    assert (found.depth if found else 0) == expected
    assert line.loads <= 2 * 3 * math.log2(1_000_000), "a jump that goes too far is looked at as well"


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_commit_is_an_ancestor_of_itself_and_of_all_later_ones(old, new):
    line = Line()
    assert history.is_ancestor(line, line.at(old), line.at(new)) == (old <= new)


def test_a_commit_of_another_line_is_no_ancestor():
    line = Line()
    stranger = replace(line.at(5), id=CommitId(b"another commit!!"))
    assert not history.is_ancestor(line, stranger, line.at(9))


def test_a_child_carries_the_jump_of_its_depth():
    line = Line()
    for depth in range(1, 200):
        assert history.jump_of(line, line.at(depth)) == line.at(depth + 1).jump


def test_going_back_gives_every_ancestor_once_newest_first():
    line = Line()
    assert [commit.depth for commit in history.iter_back(line, line.at(50))] == list(range(50, 0, -1))
