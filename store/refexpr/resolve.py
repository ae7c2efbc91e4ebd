"""From a parsed ref to a commit.

The base is looked for in this order: a branch, a tag, a whole commit id, `NAME.N` with the longest NAME that
exists, and the first digits (at least 8) of one commit's id. An existing name always wins over a reading that
takes it apart.

An id (or its first digits) that only commits of other repos carry names the commit of this repo that those were
computed from, directly or through others: `weather@ID` is the weather that the job ID read, whoever caused it.
"""

from __future__ import annotations

import re
from typing import Protocol

from store import history
from store.errors import RefNotFound
from store.ids import CommitId
from store.records import CommitRecord
from store.refexpr.grammar import Back, Ref

_NUMBERED = re.compile(r"(.+)\.(\d{1,18})\Z")
_DIGITS = re.compile(r"[0-9a-fA-F]{8,32}\Z")


class Names(Protocol):
    """What a repo must answer so that its refs can be resolved."""

    name: str

    def find_ref(self, name: str) -> tuple[bool, CommitId | None]:
        """Whether a branch or tag has this name, and where it points (None: a branch without commits)."""

    def find_record(self, commit: CommitId) -> CommitRecord | None:
        """The repo's commit with this id."""

    def get_record(self, commit: CommitId) -> CommitRecord:
        """The same, or Corrupt: for links that must hold."""

    def iter_prefix(self, digits: str) -> list[CommitId]:
        """The repo's commits whose id begins with these hex digits."""

    def find_sources(self, digits: str) -> list[CommitRecord]:
        """The repo's commits that commits of other repos, whose ids begin with these hex digits, were computed from."""

    def near_refs(self, name: str) -> list[str]:
        """Branches and tags among which the one that was meant by `name` may be."""


def resolve(repo: Names, ref: Ref) -> CommitRecord | None:
    """The commit that `ref` names; None for a branch without commits. Raises RefNotFound."""
    commit = _base(repo, ref)
    for step in ref.steps:
        if commit is None:
            raise RefNotFound(repo.name, ref.text, why="the branch has no commit yet")
        if isinstance(step, Back):
            if step.count >= commit.depth:
                raise RefNotFound(
                    repo.name, ref.text, why=f"there are only {commit.depth - 1} commits before it"
                )
            commit = history.at_depth(repo.get_record, commit, commit.depth - step.count)
        else:
            commit = history.at_time(repo.get_record, commit, step.time_ns)
            if commit is None:
                raise RefNotFound(repo.name, ref.text, why="its first commit is later than that")
    return commit


def _base(repo: Names, ref: Ref) -> CommitRecord | None:
    name, numbers = ref.name, list[int]()
    found, commit = _whole(repo, name)
    while not found and (numbered := _NUMBERED.match(name)):
        name = numbered[1]
        numbers.append(int(numbered[2]))
        found, commit = _whole(repo, name)
    if not found:
        commit = _abbreviated(repo, ref, name)
    for number in reversed(numbers):
        depth = 0 if commit is None else commit.depth
        if commit is None or not 1 <= number <= depth:
            why = f"commits are numbered from 1 to {depth}" if depth else "the branch has no commit yet"
            raise RefNotFound(repo.name, ref.text, why=why)
        commit = history.at_depth(repo.get_record, commit, number)
    return commit


def _whole(repo: Names, name: str) -> tuple[bool, CommitRecord | None]:
    """Whether `name` is a branch, a tag or a whole commit id, and its commit (None: a branch without commits)."""
    found, head = repo.find_ref(name)
    if found:
        return True, None if head is None else repo.get_record(head)
    commit = (
        repo.find_record(CommitId.parse(name.lower())) if len(name) == 32 and _DIGITS.match(name) else None
    )
    return commit is not None, commit


def _abbreviated(repo: Names, ref: Ref, name: str) -> CommitRecord:
    """The one commit whose id begins with `name`, or that commits elsewhere with such an id were computed from."""
    ids = repo.iter_prefix(name.lower()) if _DIGITS.match(name) else []
    if len(ids) > 1:
        raise RefNotFound(
            repo.name, ref.text, why=f"{len(ids)} commits begin with these digits; write more of them"
        )
    if ids:
        return repo.get_record(ids[0])
    sources = repo.find_sources(name.lower()) if _DIGITS.match(name) else []
    if len(sources) > 1:
        several = ", ".join(sorted(f"{each.branch}.{each.depth}" for each in sources))
        raise RefNotFound(repo.name, ref.text, why=f"it was computed from several commits: {several}")
    if not sources:
        raise RefNotFound(repo.name, ref.text, known=repo.near_refs(name))
    return sources[0]
