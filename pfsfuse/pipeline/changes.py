"""Which datums come and go when a commit takes the place of another, found by what changed between the two.

A datum's identity is that of one path and what is below it. So a datum can only come, go or change where the glob
matches a path that changed, or a directory above one: the cost follows the change, however many datums there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from pfsfuse.pipeline.datum import Datum, make_datum, transform_key
from pfsfuse.pipeline.enumerate import make_input
from pfsfuse.pipeline.glob import compile_glob
from pfsfuse.pipeline.input import Leaf
from pfsfuse.pipeline.spec import Spec, inputs

if TYPE_CHECKING:
    from store import Commit


class DatumChanges(Struct, frozen=True):
    """What turns the datums of one commit into those of another."""

    come: tuple[Datum, ...]
    """Of the new commit only, in its order."""
    go: tuple[Datum, ...]
    """Of the old commit only."""


def find_changes(
    spec: Spec, old: Commit, new: Commit, changed: Iterable[bytes], *, at_most: int
) -> DatumChanges | None:
    """How the datums of `spec` differ between two commits of its input, of which the paths `changed` differ.

    None when the answer would not be cheaper than `enumerate_datums`: the spec has several inputs, whose datums are
    combinations, or more than `at_most` paths have changed.
    """
    if not isinstance(spec.input, Leaf):
        return None
    (leaf,) = inputs(spec)
    places = {b""}
    for count, path in enumerate(changed):
        if count >= at_most:
            return None
        while path not in places:
            places.add(path)
            path = path.rpartition(b"/")[0]
    glob, key, make = compile_glob(leaf.glob), transform_key(spec), make_input(leaf)
    come, go = [], []
    for path in sorted(filter(glob.matches, places), key=lambda path: path.split(b"/")):
        before, after = (
            make_datum(key, (make(commit, path, entry),)) if (entry := commit.find(path)) else None
            for commit in (old, new)
        )
        if (before and before.id) != (after and after.id):
            come += [after] if after else []
            go += [before] if before else []
    return DatumChanges(tuple(come), tuple(go))
