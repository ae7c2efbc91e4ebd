"""Directory offsets."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.vfs.keys import root_key
from pfsfuse.vfs.listing import Listing
from pfsfuse.vfs.nodes import Node


class Numbers:
    """Contents of `count` names in order, counting what was read of them."""

    def __init__(self, count: int) -> None:
        self.names = sorted(b"%d" % number for number in range(count))
        self.read = 0

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        for each in self.names:
            if name is None or each > name:
                self.read += 1
                yield each, Node(root_key(each), None)

    def lasting(self) -> bool:
        return True


@given(
    st.integers(0, 60), st.integers(1, 9), st.lists(st.tuples(st.integers(0, 70), st.booleans()), max_size=20)
)
def test_an_offset_means_the_same_name_in_whatever_order_it_is_asked_for(
    count: int, block: int, asked: list[tuple[int, bool]]
) -> None:
    contents = Numbers(count)
    listing = Listing(contents, block=block)
    for offset, ahead in asked:
        if ahead:
            listing.make_ready()
        assert [(at, name) for at, name, _ in listing.start(offset)] == list(enumerate(contents.names))[
            offset:
        ]


def test_listing_forwards_reads_each_name_once() -> None:
    contents = Numbers(1000)
    listing = Listing(contents, block=64)
    offset = 0
    while names := [at for (at, _, _), _ in zip(listing.start(offset), range(10), strict=False)]:
        offset = names[-1] + 1
        listing.make_ready()
    assert (offset, contents.read) == (1000, 1000)


def test_what_was_made_ready_is_not_read_when_it_is_asked_for() -> None:
    contents = Numbers(1000)
    listing = Listing(contents, block=64)
    next(listing.start(0))
    listing.make_ready()
    before = contents.read
    next(listing.start(64))
    assert (before, contents.read) == (128, 128)


def test_memory_is_one_block_and_a_mark_for_each() -> None:
    listing = Listing(Numbers(1000), block=64)
    assert len(list(listing.start(0))) == 1000
    assert (len(listing._block), len(listing._marks)) == (1000 % 64, 1000 // 64 + 1)
