"""From damaged objects to the paths that need them: down every tree again, but only where something is damaged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from store.format.node import Leaf
from store.fsck.records import Affected, Finding, Problem
from store.fsck.walk import Walk
from store.ids import ObjectId
from store.reach import Role, of_entry
from store.records import Entry

LISTED = 100
"""Paths to name for one problem."""
PATIENCE = 200_000
"""Damaged references to follow altogether: one damaged node may be in each of a million commits."""


def locate(
    findings: list[Finding], walk: Walk, trees: Callable[[], Iterable[tuple[Affected, Entry]]]
) -> Iterator[Problem]:
    """The findings with what they affect. `trees` gives the damaged trees by name."""
    paths: dict[tuple[bytes, bytes | None], list[Affected]] = {
        (finding.subject, finding.name): [] for finding in findings if finding.subject is not None
    }
    waiting = set(paths)
    steps = 0
    for reached, affected in chain.from_iterable(
        _below(tree, where, walk) for where, tree in trees() if waiting
    ):
        steps += 1
        if reached in waiting:
            paths[reached].append(affected)
            if len(paths[reached]) > LISTED:
                waiting.discard(reached)
        if steps > PATIENCE or not waiting:
            break
    for finding in findings:
        found = paths[finding.subject, finding.name] if finding.subject is not None else []
        affects = tuple(dict.fromkeys((*finding.affects, *found[:LISTED])))
        more = len(found) > LISTED or (steps > PATIENCE and finding.subject is not None)
        yield Problem(finding.invariant, finding.record, finding.why, affects, more)


Reached = tuple[tuple[bytes, bytes | None], Affected]


def _below(root: Entry, where: Affected, walk: Walk) -> Iterator[Reached]:
    """The damaged objects below `root`, and the entries of damaged nodes, each with its path."""
    todo: list[tuple[ObjectId, Role, bytes]] = [(name, role, b"") for name, role, _ in of_entry(root)]
    while todo:
        name, role, path = todo.pop()
        if not walk.is_damaged(name):
            continue
        yield (name, None), Affected(where.where, path)
        if role is Role.NODE and (node := walk.find_node(name)) is not None:
            if not isinstance(node, Leaf):
                todo += [(ObjectId(child.id), role, path) for child in node.items[::-1]]
                continue
            below: dict[bytes, list[tuple[ObjectId, Role, bytes]]] = defaultdict(list)
            for entry in node.items:
                named = path + b"/" + entry.name if path else entry.name
                yield (name, entry.name), Affected(where.where, named)
                below[named] += [(object_, kind, named) for object_, kind, _ in of_entry(entry)]
            todo += [each for named in reversed(below) for each in below[named]]
        elif role is Role.LIST and (found := walk.find_list(name)) is not None:
            kind = Role.CHUNK if found.level == 1 else Role.LIST
            todo += [(ObjectId(piece.id), kind, path) for piece in found.items[::-1]]
