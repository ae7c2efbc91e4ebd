"""The base of a merge: the latest commit that both lines hold, by ancestry or by an earlier merge."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import history
from store.ids import CommitId
from store.records import CommitRecord, Provenance
from store.testing.examples import FIRST


class Graph:
    """Commits by name, each made after its parent and what it merged; counts what is loaded."""

    def __init__(self) -> None:
        self.commits: dict[CommitId, CommitRecord] = {}
        self.loads = 0

    def load(self, commit: CommitId) -> CommitRecord:
        self.loads += 1
        return self.commits[commit]

    def add(
        self, name: str, parent: str = "", *merged: str, origin: str = "user", repo: str = "trips"
    ) -> None:
        before = self[parent] if parent else None
        commit = replace(
            FIRST,
            id=id_of(name),
            depth=1 if before is None else before.depth + 1,
            parent=None if before is None else before.id,
            jump=None if before is None else history.jump_of(self.load, before),
            finished_ns=10 + len(self.commits),
            origin=origin,
            provenance=tuple(Provenance(repo, "x", id_of(each)) for each in merged),
        )
        self.commits[commit.id] = commit

    def __getitem__(self, name: str) -> CommitRecord:
        return self.commits[id_of(name)]

    def base(self, ours: str, theirs: str) -> str | None:
        found = history.merge_base(self.load, self[ours], self[theirs])
        return None if found is None else found.id.rstrip(b"\0").decode()

    def held(self, name: CommitId) -> set[CommitId]:
        """The commit and everything it holds, by brute force."""
        commit = self.commits[name]
        before = [*history.merged(commit), *([commit.parent] if commit.parent else [])]
        return {name}.union(*(self.held(each) for each in before))


def id_of(name: str) -> CommitId:
    return CommitId(name.encode().ljust(16, b"\0"))


def graph(text: str) -> Graph:
    """`B<A M<C+E`: B after A; M after C, merging E."""
    made = Graph()
    for word in text.split():
        name, _, rest = word.partition("<")
        parent, *merged = rest.split("+")
        made.add(name, parent, *merged)
    return made


@pytest.mark.parametrize(
    ("text", "ours", "theirs", "base"),
    [
        ("A B<A C<B D<B", "C", "D", "B"),
        ("A B<A C<B", "A", "C", "A"),
        ("A B<A C<B", "C", "B", "B"),
        ("A B<A", "B", "B", "B"),
        ("A B", "A", "B", None),
        ("A B<A C<B D<B E<D M<C+E G<M F<E", "G", "F", "E"),
        ("A B<A C<B D<B E<D M<C+E G<M F<E", "F", "G", "E"),
        ("A B<A C<B D<B N<D+C F<N", "C", "F", "C"),
        ("A B<A C<B D<B N<D+C F<N", "F", "C", "C"),
        ("A B<A C<B D<B M<C+D E<D N<M+E F<E", "N", "F", "E"),
        ("A B<A C<A X<B+C Y<C+B", "X", "Y", "C"),
        ("A B<A C<A D<A M<B+C N<C+D", "M", "N", "C"),
        ("A X M<A+X Y<X", "M", "Y", "X"),
    ],
    ids=[
        "where the lines part",
        "ours is in the ancestry of theirs",
        "theirs is in the ancestry of ours",
        "the same commit",
        "no commit in common",
        "ours merged theirs before",
        "and the other way round",
        "theirs merged all of ours",
        "ours merged all of theirs",
        "the last of several merges",
        "each merged the other: the later of the two",
        "both merged parts of a third line",
        "a line of its own merged in",
    ],
)
def test_the_base_is_the_latest_commit_that_both_hold(text, ours, theirs, base):
    assert graph(text).base(ours, theirs) == base


@given(
    st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(0, 30)), min_size=1, max_size=14),
    st.data(),
)
def test_no_better_base_exists_in_any_history(steps, data):
    made = Graph()
    made.add("0")
    for number, (parent, merged) in enumerate(steps, 1):
        made.add(str(number), str(parent % number), *([] if merged is None else [str(merged % number)]))
    names = st.integers(0, len(steps)).map(str)
    ours, theirs = data.draw(names), data.draw(names)
    common = made.held(id_of(ours)) & made.held(id_of(theirs))
    best = {each for each in common if not any(each in made.held(other) - {other} for other in common)}
    found = made.base(ours, theirs)
    assert found is not None and id_of(found) in best


def test_only_what_a_person_merged_in_the_same_repo_counts():
    made = graph("A B<A D<A")
    made.add("S", "B", "D", origin="service")
    made.add("U", "B", "D", repo="weather")
    assert made.base("S", "D") == made.base("U", "D") == "A"


def test_a_line_far_ahead_is_recognised_in_few_steps():
    made = Graph()
    made.add("0")
    for number in range(1, 5000):
        made.add(str(number), str(number - 1))
    made.loads = 0
    assert made.base("7", "4999") == "7" and made.base("4999", "7") == "7"
    assert made.loads < 100
