"""That a store is sound: what must hold after each step of any test. The checks are those of `store.fsck`."""

from __future__ import annotations

from store.fsck import Problem, check
from store.store import Store


def assert_sound(opened: Store) -> None:
    """Raise AssertionError with everything that is wrong with the store; every byte is read."""
    found = problems(opened)
    assert not found, "\n".join(f"{one.invariant} {one.record}: {one.why}" for one in found)


def problems(opened: Store) -> tuple[Problem, ...]:
    """Everything that is wrong with the store."""
    return check(opened._env, read_data=True).problems
