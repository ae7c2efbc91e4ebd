"""From a spec and commits to datums, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING

from pfsfuse.pipeline.datum import Datum, DatumInput, make_datum, transform_key
from pfsfuse.pipeline.glob import compile_glob, iter_matches
from pfsfuse.pipeline.spec import PfsInput, Spec, inputs

if TYPE_CHECKING:
    from store import Commit


def enumerate_datums(spec: Spec, trees: Mapping[str, Commit]) -> Iterator[Datum]:
    """Every datum of `spec`, input `n` being read at `trees[n]`.

    In order: the first input's matches in path order, for each of them the second's, and so on. Streams: the first
    input's directories are read as datums are taken; of the other inputs every match is held (about 300 bytes each).
    An input without matches means no datum. A spec without inputs has one datum.
    """
    key = transform_key(spec)
    leaves = inputs(spec)
    if not leaves:
        yield make_datum(key, ())
        return
    first, *others = leaves
    held = [tuple(_matches(leaf, trees[leaf.name])) for leaf in others]
    if not all(held):
        return
    for match in _matches(first, trees[first.name]):
        for rest in product(*held):
            yield make_datum(key, (match, *rest))


def _matches(leaf: PfsInput, commit: Commit) -> Iterator[DatumInput]:
    for path, entry in iter_matches(commit, compile_glob(leaf.glob)):
        shown = path.decode("utf-8", "surrogateescape") or "/"
        yield DatumInput(leaf.name, leaf.repo, leaf.branch, commit.id, shown, entry.identity())
