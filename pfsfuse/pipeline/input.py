"""What a pipeline reads: leaves, and the ways of combining them.

    pfs      the matches of a glob in a repo          union   the datums of all members, one after another
    cron     the ticks of a clock, as files           cross   every combination
                                                      join    combinations that agree in what `join_on` makes of them
                                                      group   all matches that agree in what `group_by` makes of them

They nest: a group of joins, a union of crosses.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct


class PfsInput(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="pfs"):
    """Files of one repo: one datum for each match of the glob."""

    name: str
    """The directory under `/pfs` that shows it; the repo's name unless given."""
    repo: str
    branch: str = "master"
    glob: str = "/"
    """As written; `compile_glob` takes it."""
    join_on: str = ""
    """In a join: what must be equal, a template that the glob's captures fill in."""
    outer_join: bool = False
    """In a join: its matches are kept where another member has none."""
    group_by: str = ""
    """In a group: what must be equal, as `join_on`."""
    reference: bool = False
    """What its files hold is left out of the identity of datums: when only that changes, nothing is computed again."""
    commit: str | None = None
    """Services only: the ref expression this input is fixed at (`master.31`, an id)."""
    follow: bool = False
    """Services only: restart on new commits of the branch. Never together with `commit`."""


class CrossInput(Struct, frozen=True, kw_only=True, tag="cross"):
    """Every combination of the members' datums."""

    members: tuple[Input, ...]
    """At least one."""


class UnionInput(Struct, frozen=True, kw_only=True, tag="union"):
    """The datums of all members. Members may have inputs of the same name: no datum has two of them."""

    members: tuple[Input, ...]
    """At least one."""


class JoinInput(Struct, frozen=True, kw_only=True, tag="join"):
    """The combinations of the members' datums that have the same key: what `join_on` makes of their matches."""

    members: tuple[Input, ...]
    """At least one; each has a leaf with `join_on`."""


class GroupInput(Struct, frozen=True, kw_only=True, tag="group"):
    """One datum for each key, what `group_by` makes of matches: all the members' matches with that key."""

    members: tuple[Input, ...]
    """At least one; each has a leaf with `group_by`."""


Leaf = PfsInput
Branching = CrossInput | UnionInput | JoinInput | GroupInput
Input = Leaf | Branching


def leaves(node: Input) -> Iterator[Leaf]:
    """The leaves below `node`, in the order they were written."""
    if isinstance(node, Leaf):
        yield node
    else:
        for member in node.members:
            yield from leaves(member)
