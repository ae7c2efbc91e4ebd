"""Which pipeline feeds which.

A pipeline feeds another when the other reads the repo it writes, on the branch it writes, at once or when a trigger
fires. All answers are in topological order (a pipeline after everything that feeds it), names deciding where the order
leaves a choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from pfsfuse.errors import SpecError
from pfsfuse.pipeline.input import followed_branch, starts_jobs
from pfsfuse.pipeline.spec import Spec, inputs


def check_acyclic(specs: Mapping[str, Spec]) -> None:
    """Raise SpecError, with the cycle in the message, when a pipeline would feed itself."""
    topological_order(specs)


def topological_order(specs: Mapping[str, Spec]) -> tuple[str, ...]:
    """All pipelines. Raises SpecError for a cycle."""
    sorter = TopologicalSorter({name: _feeders(spec, specs) for name, spec in specs.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        cycle = " -> ".join(_from_smallest(error.args[1][:-1]))
        raise SpecError(f"the pipelines feed each other in a circle: {cycle}") from None
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += ready
        sorter.done(*ready)
    return tuple(ordered)


def downstream_of(repo: str, specs: Mapping[str, Spec], *, branch: str | None = None) -> tuple[str, ...]:
    """The pipelines that a commit in `repo` (on `branch`; None: on any) sets going, directly or through others."""
    reached: set[str] = set()
    for name in topological_order(specs):
        read = {(leaf.repo, followed_branch(leaf)) for leaf in inputs(specs[name]) if starts_jobs(leaf)}
        direct = any(source == repo and branch in (None, on) for source, on in read)
        feeders = {source for source, on in read if source in specs and specs[source].output_branch == on}
        if direct or not reached.isdisjoint(feeders):
            reached.add(name)
    return _in_order(reached, specs)


def upstream_of(name: str, specs: Mapping[str, Spec]) -> tuple[str, ...]:
    """The pipelines that feed the pipeline `name`, directly or through others."""
    reached: set[str] = set()
    todo = [name]
    while todo:
        for feeder in _feeders(specs[todo.pop()], specs):
            if feeder not in reached:
                reached.add(feeder)
                todo.append(feeder)
    return _in_order(reached, specs)


def _feeders(spec: Spec, specs: Mapping[str, Spec]) -> set[str]:
    read = ((leaf.repo, followed_branch(leaf)) for leaf in inputs(spec))
    return {repo for repo, branch in read if repo in specs and specs[repo].output_branch == branch}


def _in_order(names: set[str], specs: Mapping[str, Spec]) -> tuple[str, ...]:
    return tuple(name for name in topological_order(specs) if name in names)


def _from_smallest(cycle: Iterable[str]) -> list[str]:
    """The cycle told from its first name in the alphabet, back to it, so that the message does not depend on luck."""
    names = list(cycle)
    start = names.index(min(names))
    return [*names[start:], *names[:start], names[start]]
