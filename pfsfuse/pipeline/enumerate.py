"""From a spec and commits to datums, one after another.

    pfs, cron   the matches in path order
    union       the first member's, then the second's, and so on
    cross       the first member's, for each of them the second's, and so on; no datum when a member has none
    join        the first member's, for each of them the others' with the same key; then, with outer joins, what is
                left, in the order of the members
    group       by key, in byte order; in each datum member after member

A member that comes first streams; all others' matches are held (about 300 bytes each), and all of a group's.

What an outer join does with a key that some members lack: the members with `outer_join` that have it are combined, the
others' matches are left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from pfsfuse.pipeline.datum import Datum, DatumInput, make_datum, transform_key
from pfsfuse.pipeline.glob import compile_glob, compile_template, iter_matches
from pfsfuse.pipeline.input import CrossInput, GroupInput, Input, JoinInput, Leaf, UnionInput, leaves
from pfsfuse.pipeline.spec import Spec, inputs

if TYPE_CHECKING:
    from store import Commit, Entry

Part = tuple[DatumInput, ...]
"""What a member gives to a datum."""
_Source = Callable[[], Iterator[Part]]


def enumerate_datums(spec: Spec, commits: Sequence[Commit]) -> Iterator[Datum]:
    """Every datum of `spec`, its inputs (in the order of `inputs(spec)`) being read at `commits`.

    A datum that several ways of combining lead to comes several times. A spec without inputs has one datum.
    """
    key = transform_key(spec)
    if spec.input is None:
        yield make_datum(key, ())
        return
    source = _source(spec.input, iter(zip(inputs(spec), commits, strict=True)))
    for part in source():
        yield make_datum(key, part)


def make_input(leaf: Leaf) -> Callable[[Commit, bytes, Entry], DatumInput]:
    """What makes of a match of `leaf` (its path, b"" being the root) the input of a datum."""
    glob = compile_glob(leaf.glob)
    join_on = compile_template(leaf.join_on, glob.groups) if leaf.join_on else None
    group_by = compile_template(leaf.group_by, glob.groups) if leaf.group_by else None

    def make(commit: Commit, path: bytes, entry: Entry) -> DatumInput:
        shown = path.decode("utf-8", "surrogateescape") or "/"
        identity = b"" if leaf.reference else entry.identity()
        if join_on is None and group_by is None:
            return DatumInput(leaf.name, leaf.repo, leaf.branch, commit.id, shown, identity)
        captures = glob.captures(path) or ()
        whole = "/" + shown.lstrip("/")
        return DatumInput(
            leaf.name,
            leaf.repo,
            leaf.branch,
            commit.id,
            shown,
            identity,
            join_on.fill(whole, captures) if join_on else "",
            group_by.fill(whole, captures) if group_by else "",
        )

    return make


def _source(node: Input, given: Iterator[tuple[Leaf, Commit]]) -> _Source:
    """Where the parts of `node` come from; takes its leaves, as they are read, from `given`."""
    if isinstance(node, Leaf):
        leaf, commit = next(given)
        return lambda: _matches(leaf, commit)
    sources = [_source(member, given) for member in node.members]
    match node:
        case UnionInput():
            return lambda: (part for source in sources for part in source())
        case CrossInput():
            return lambda: _cross(sources)
        case GroupInput():
            return lambda: _group(sources)
        case JoinInput():
            outer = [any(leaf.outer_join for leaf in leaves(member)) for member in node.members]
            return lambda: _join(sources, outer)


def _matches(leaf: Leaf, commit: Commit) -> Iterator[Part]:
    make = make_input(leaf)
    for path, entry in iter_matches(commit, compile_glob(leaf.glob)):
        yield (make(commit, path, entry),)


def _cross(sources: Sequence[_Source]) -> Iterator[Part]:
    first, *others = sources
    held = [tuple(source()) for source in others]
    if all(held):
        for part in first():
            yield from _combined([part], *held)


def _join(sources: Sequence[_Source], outer: Sequence[bool]) -> Iterator[Part]:
    first, *others = sources
    held = [_by_key(source()) for source in others]
    kept = [parts for parts, is_outer in zip(held, outer[1:], strict=True) if is_outer]
    seen = set()
    for part in first():
        key = "".join(given.join_on for given in part)
        if kept:
            seen.add(key)
        if all(key in parts for parts in held):
            yield from _combined([part], *(parts[key] for parts in held))
        elif outer[0]:
            yield from _combined([part], *(parts[key] for parts in kept if key in parts))
    for key in dict.fromkeys(key for parts in kept for key in parts):
        if key not in seen or not (outer[0] or all(key in parts for parts in held)):
            yield from _combined(*(parts[key] for parts in kept if key in parts))


def _by_key(parts: Iterable[Part]) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault("".join(given.join_on for given in part), []).append(part)
    return found


def _group(sources: Sequence[_Source]) -> Iterator[Part]:
    found: dict[str, dict[DatumInput, None]] = {}
    for source in sources:
        for part in source():
            key = "".join(given.group_by for given in part)
            found.setdefault(key, {}).update(dict.fromkeys(part))
    for key in sorted(found, key=os.fsencode):
        yield tuple(found[key])


def _combined(*members: Sequence[Part]) -> Iterator[Part]:
    for parts in product(*members):
        yield tuple(given for part in parts for given in part)
