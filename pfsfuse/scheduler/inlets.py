"""What a pipeline's inputs need of their own: repos for clocks, branches for triggers. Made and deleted with it."""

from __future__ import annotations

from pfsfuse.pipeline import CronInput, Spec, inputs
from pfsfuse.scheduler import ticks
from pfsfuse.scheduler.triggers import remove_trigger, set_trigger, triggers
from store import Exists, Store


def check_inlets(store: Store, spec: Spec) -> None:
    """Raise Exists when what would have to be made is somebody else's."""
    for leaf in inputs(spec):
        if isinstance(leaf, CronInput):
            found = store.find_repo(leaf.repo)
            if found is not None and found.origin != ticks.ORIGIN:
                raise Exists("repo", leaf.repo)


def make_inlets(store: Store, spec: Spec, *, now_ns: int) -> None:
    """Make what is missing, and remove what an earlier version of the pipeline needed. Safe to repeat."""
    wanted: set[tuple[str, str]] = set()
    there = triggers(store)
    for leaf in inputs(spec):
        if isinstance(leaf, CronInput):
            if store.find_repo(leaf.repo) is None:
                store.create_repo(leaf.repo, description=f"ticks of {spec.name}", origin=ticks.ORIGIN)
        elif leaf.trigger is not None:
            wanted.add((leaf.repo, leaf.branch))
            known = there.get((leaf.repo, leaf.branch))
            if known is None or known.trigger != leaf.trigger:
                set_trigger(store, leaf.repo, leaf.branch, leaf.trigger, now_ns=now_ns, pipeline=spec.name)
    _remove_triggers(store, spec.name, keep=wanted)


def remove_inlets(store: Store, pipeline: str, spec: Spec | None) -> None:
    """Delete all of it; without a specification that can be read, the repos of clocks stay."""
    for leaf in () if spec is None else inputs(spec):
        found = store.find_repo(leaf.repo) if isinstance(leaf, CronInput) else None
        if found is not None and found.origin == ticks.ORIGIN:
            store.delete_repo(leaf.repo)
    _remove_triggers(store, pipeline, keep=set())


def _remove_triggers(store: Store, pipeline: str, *, keep: set[tuple[str, str]]) -> None:
    for (repo, branch), each in triggers(store).items():
        if each.pipeline == pipeline and (repo, branch) not in keep:
            remove_trigger(store, repo, branch)
            if store.repo(repo).find_branch(branch) is not None:
                store.repo(repo).delete_branch(branch)
