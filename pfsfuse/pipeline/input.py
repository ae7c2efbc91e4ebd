"""What a pipeline reads: leaves, and the ways of combining them.

    pfs      the matches of a glob in a repo          union   the datums of all members, one after another
    cron     the ticks of a clock, as files           cross   every combination
                                                      join    combinations that agree in what `join_on` makes of them
                                                      group   all matches that agree in what `group_by` makes of them

They nest: a group of joins, a union of crosses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from msgspec import Struct


class Trigger(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a branch moves to the head of another. At least one condition is set; `cron_spec` excludes the others."""

    branch: str
    """In the same repo: the one it follows."""
    size: int | None = None
    """Bytes. What the conditions mean is at the top of `trigger`."""
    commits: int | None = None
    rate_limit_spec: str = ""
    cron_spec: str = ""
    all: bool = False
    """All conditions must hold, and not only one."""


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
    trigger: Trigger | None = None
    """It reads a branch of its own, which this moves, instead of `branch`."""
    propagation_spec: Literal["", "never"] = ""
    """never: a commit that arrives on it starts no job; jobs that others start read what it holds then."""
    commit: str | None = None
    """Services only: the ref expression this input is fixed at (`master.31`, an id)."""
    follow: bool = False
    """Services only: restart on new commits of the branch. Never together with `commit`."""


class CronInput(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="cron"):
    """The ticks of a clock: each is a commit with an empty file named by its time, in a repo of the pipeline's own."""

    name: str
    repo: str
    """Made with the pipeline, and deleted with it."""
    schedule: str
    """`spec`, as written; `compile_schedule` takes it."""
    start: str | None = None
    """RFC 3339: ticks from then on count; None: from when the pipeline was made."""
    overwrite: bool = False
    """Keep the last tick only, and not all of them."""

    branch: ClassVar[str] = "master"
    glob: ClassVar[str] = "/*"
    join_on: ClassVar[str] = ""
    group_by: ClassVar[str] = ""
    outer_join: ClassVar[bool] = False
    reference: ClassVar[bool] = False
    trigger: ClassVar[Trigger | None] = None
    propagation_spec: ClassVar[Literal["", "never"]] = ""


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


Leaf = PfsInput | CronInput
Branching = CrossInput | UnionInput | JoinInput | GroupInput
Input = Leaf | Branching


def leaves(node: Input) -> Iterator[Leaf]:
    """The leaves below `node`, in the order they were written."""
    if isinstance(node, Leaf):
        yield node
    else:
        for member in node.members:
            yield from leaves(member)


def starts_jobs(leaf: Leaf) -> bool:
    """Whether what arrives on this input starts a job of the pipeline."""
    return leaf.propagation_spec != "never"


def followed_branch(leaf: Leaf) -> str:
    """The branch whose commits bring new data to this leaf, at once or when its trigger fires."""
    return leaf.trigger.branch if leaf.trigger is not None else leaf.branch
