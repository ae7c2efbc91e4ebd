"""The names of a folder over those of the store: in order, each once, and of many only those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis.strategies as st
from hypothesis import given

from pfsfuse.vfs.listing import Listing
from pfsfuse.worktree.model import Item, Listed, laid_over

NAMES = st.binary(min_size=1, max_size=2)


@given(st.dictionaries(NAMES, st.one_of(st.none(), st.integers())), st.dictionaries(NAMES, st.text()))
def test_ours_is_in_place_of_theirs_and_none_hides_it(
    ours: dict[bytes, int | None], theirs: dict[bytes, str]
) -> None:
    expected = {name: value for name, value in (theirs | ours).items() if value is not None}
    assert list(laid_over(iter(sorted(ours.items())), iter(sorted(theirs.items())))) == sorted(
        expected.items(), key=lambda pair: pair[0]
    )


@given(st.sets(NAMES), st.one_of(st.none(), NAMES))
def test_a_listing_goes_on_after_any_name(names: set[bytes], after: bytes | None) -> None:
    listed = Listed(sorted(names), [None] * len(names))
    expected = [(name, None) for name in sorted(names) if after is None or name > after]
    assert list(listed.iter_after(after)) == expected


class Counted(list["Item | None"]):
    taken = 0

    def __getitem__(self, at: object) -> object:  # type: ignore[override]
        self.taken += 1
        return super().__getitem__(at)  # type: ignore[call-overload]


def test_a_long_listing_read_in_pieces_looks_at_each_name_once() -> None:
    names = [b"%06d" % number for number in range(50_000)]
    listed = Listed(names, Counted([None] * len(names)))

    class Contents:
        def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, object]]:
            return listed.iter_after(name)

        def lasting(self) -> bool:
            return True

    listing = Listing(Contents())  # type: ignore[arg-type]
    for start in range(0, len(names), 200):
        assert next(listing.start(start))[1] == names[start]
    assert listed.items.taken <= len(names)  # type: ignore[attr-defined]
