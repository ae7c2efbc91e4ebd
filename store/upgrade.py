"""Bringing a store to what this version can do, in steps of which each adds one feature.    store/format/tables.md

Opening a store changes nothing, and a store that an earlier version wrote is read as it is. `plan_upgrade` says which
steps there are to take, `upgrade` takes them all in one transaction: a process that dies in here leaves the store as it
was before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from store import header, sums
from store.engine import Environment, Writing
from store.engine.users import other_users
from store.errors import InUse
from store.format import tables
from store.format.tables import Header


@dataclass(frozen=True, slots=True)
class Step:
    """What it takes to give a store one feature."""

    feature: str
    """A key of `tables.FEATURES`."""
    what: str
    """What it does to the store, for people."""
    alone: bool
    """Whether no other process may have the store open: those that have it do not look at the header again."""
    act: Callable[[Writing], None]
    """Does it; everything it changes is in the transaction."""


STEPS: tuple[Step, ...] = (
    Step(
        tables.SUMS,
        "keeps a sum of each table of branches, tags, pins and shelves, so that a check notices one that went back",
        True,
        sums.keep,
    ),
)
"""In the order in which they are taken."""


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """What an upgrade would do."""

    format: int
    """The store's format before."""
    features: tuple[str, ...]
    """Its features before."""
    steps: tuple[Step, ...]
    """To take, in order; empty: the store has everything that this version can do."""


def plan_upgrade(found: Header) -> UpgradePlan:
    """The steps that the store with this header has not taken."""
    steps = tuple(step for step in STEPS if step.feature not in found.features)
    return UpgradePlan(found.format, found.features, steps)


def upgrade(env: Environment) -> UpgradePlan:
    """Take all steps that are to be taken, in one transaction; what was done. Versions from before them cannot open the
    store from then on.

    Raises InUse when a step needs the store for itself and other processes have it open: then nothing has changed.
    """

    def work(writing: Writing) -> UpgradePlan:
        before = header.get(writing)
        plan = plan_upgrade(before)
        if any(step.alone for step in plan.steps) and (users := other_users(env.path)):
            raise InUse(
                f"{env.path} is open in {'process' if len(users) == 1 else 'processes'} "
                f"{', '.join(map(str, users))}, which would not notice; end what runs on it first (`pfs status`)"
            )
        for step in plan.steps:
            step.act(writing)
        if plan.steps:
            header.put(writing, tables.with_features(before, [step.feature for step in plan.steps]))
        return plan

    return env.write(work)
