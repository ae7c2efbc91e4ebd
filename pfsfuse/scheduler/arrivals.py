"""What is new on the branches that pipelines read, and what of it is one cause: pure functions of records.

**Arrivals.** Each pipeline keeps a cursor for each branch it reads: the last commit whose arrival has been
planned. What lies between the cursor and the head has arrived since, perhaps while nobody was scheduling.
Arrivals of all branches are taken in the order in which they were finished; along a branch, ancestors
first. A branch that was moved, to a commit made on another branch or to an earlier one, arrives there once, at its
head, and at the moment at which that is seen: when it was moved is not recorded.

**One cause.** Commits of several repos that were made in one transaction carry one id and one time
(`Store.edit_together`). They are one cause, as if one commit had arrived on several branches: a pipeline that
reads two of them runs once, on both. They are seen together, too: the heads of all branches are looked at as of
one moment.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pfsfuse.pipeline import Spec, inputs, starts_jobs
from store import CommitId

Reading = tuple[str, str, str]
"""A pipeline, and the repo and branch that it reads."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A commit that is new on a branch."""

    repo: str
    branch: str
    commit: CommitId
    finished_ns: int
    moved: bool = False
    """The branch was moved here; commits in between that were made on other branches are not arrivals."""


class History(Protocol):
    """What planning asks about commits."""

    def arrivals(self, repo: str, branch: str, after: CommitId | None) -> Sequence[Arrival]:
        """The commits made on this branch in the ancestry of its head after the commit `after` (None: in all of it),
        oldest first, and the head itself, as moved when it was made on another; the head alone, as moved, when `after`
        is not in its ancestry."""
        ...

    def on_branch(self, repo: str, branch: str, commit: CommitId) -> bool:
        """Whether this finished commit was made on this branch."""
        ...

    def at_time(self, repo: str, branch: str, time_ns: int, *, now_ns: int) -> CommitId | None:
        """The last commit in the ancestry of the branch's head that was finished at or before `time_ns`; the head when
        that was finished after `now_ns`."""
        ...

    def has(self, repo: str, commit: CommitId) -> bool:
        """Whether the repo has a commit of this id, on any branch, failed ones included."""
        ...


def branches_read(specs: Mapping[str, Spec]) -> list[tuple[str, str]]:
    """The repos and branches that pipelines read, each once."""
    return list(dict.fromkeys((leaf.repo, leaf.branch) for spec in specs.values() for leaf in inputs(spec)))


def find_arrivals(
    specs: Mapping[str, Spec], cursors: Mapping[Reading, CommitId | None], history: History
) -> dict[Reading, Sequence[Arrival]]:
    """What has arrived for each pipeline on each branch it reads since its cursor; only where something
    has."""
    return {
        (name, repo, branch): found
        for name, spec in specs.items()
        for repo, branch in dict.fromkeys(
            (leaf.repo, leaf.branch) for leaf in inputs(spec) if starts_jobs(leaf)
        )
        if (found := history.arrivals(repo, branch, cursors.get((name, repo, branch))))
    }


def causes(branches: Iterable[Sequence[Arrival]]) -> Iterator[tuple[Arrival, ...]]:
    """The arrivals of several branches as they came, those of one transaction together."""
    waiting: list[Arrival] = []
    for arrival in in_order(branches):
        if waiting and not _is_one_cause(waiting[0], arrival):
            yield tuple(waiting)
            waiting = []
        waiting.append(arrival)
    if waiting:
        yield tuple(waiting)


def _is_one_cause(one: Arrival, other: Arrival) -> bool:
    made_together = (one.commit, one.finished_ns) == (other.commit, other.finished_ns)
    return made_together and one.repo != other.repo and not (one.moved or other.moved)


def in_order(branches: Iterable[Sequence[Arrival]]) -> Iterator[Arrival]:
    """The arrivals of several branches as they came, never a commit before its ancestor whatever the clocks
    said."""
    timed = heapq.merge(*map(_timed, branches), key=lambda each: each[:3])
    return (arrival for *_, arrival in timed)


def _timed(branch: Sequence[Arrival]) -> Iterator[tuple[int, CommitId, tuple[str, str], Arrival]]:
    time_ns = 0
    for arrival in branch:
        time_ns = max(time_ns, arrival.finished_ns)
        yield time_ns, arrival.commit, (arrival.repo, arrival.branch), arrival


def as_seen(arrival: Arrival, now_ns: int) -> Arrival:
    return replace(arrival, finished_ns=max(now_ns, arrival.finished_ns)) if arrival.moved else arrival
