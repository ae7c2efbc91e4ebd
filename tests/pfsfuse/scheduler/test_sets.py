"""How datums are cut into sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.pipeline import Datum, DatumSet
from pfsfuse.scheduler.sets import in_sets

SIZES = {"a": 5, "b": 5, "c": 100, "d": 1, "e": 1, "f": 1, "g": 1, "h": 1}


def cut(wanted: DatumSet | None, workers: int = 1, names: str = "abcdefgh") -> list[str]:
    datums = [Datum(name, ()) for name in names]
    return [
        "".join(each.id for each in one) for one in in_sets(datums, wanted, workers, lambda d: SIZES[d.id])
    ]


@pytest.mark.parametrize(
    ("wanted", "workers", "sets"),
    [
        (None, 2, list("abcdefgh")),
        (DatumSet(number=3), 2, ["abc", "def", "gh"]),
        (DatumSet(number=100), 2, ["abcdefgh"]),
        (DatumSet(per_worker=2), 2, ["ab", "cd", "ef", "gh"]),
        (DatumSet(per_worker=1), 3, ["abc", "def", "gh"]),
        (DatumSet(per_worker=100), 2, list("abcdefgh")),
        (DatumSet(size_bytes=10), 2, ["ab", "c", "defgh"]),
        (DatumSet(size_bytes=1), 2, list("abcdefgh")),
    ],
)
def test_a_set_is_as_large_as_was_asked_for(wanted: DatumSet | None, workers: int, sets: list[str]) -> None:
    assert cut(wanted, workers) == sets


wishes = st.sampled_from(["number", "size_bytes", "per_worker"]).flatmap(
    lambda name: st.builds(DatumSet, **{name: st.integers(1, 200)})
)


@given(st.none() | wishes, st.integers(1, 9), st.text(alphabet="abcdefgh", max_size=30))
def test_every_datum_is_in_one_set_in_its_order(wanted: DatumSet | None, workers: int, names: str) -> None:
    sets = cut(wanted, workers, names)
    assert "".join(sets) == names and all(sets)
