"""What depends on commits that are to go, so that they cannot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from store.engine import Refs
from store.ids import CommitId

SHOWN = 3
"""Dependents named in an error."""


def iter_dependents(
    refs: Refs,
    repo: str,
    commits: Collection[CommitId],
    *,
    needed: Mapping[CommitId, str],
    since_ns: int,
) -> Iterator[tuple[CommitId, str]]:
    """What was made from `commits` of `repo`, or follows one of them, and is not among them itself; and what `needed`
    says of them. Each as the commit, and what depends on it.

    All of `commits` were finished after `since_ns`. To be asked with a set or a dict: there may be a million.
    """
    for commit in commits:
        for name, result in refs.iter_downstream(repo, commit):
            if name != repo or result not in commits:
                yield commit, f"{name}@{result.short()} was made from it"
        if commit in needed:
            yield commit, needed[commit]
    for commit in refs.iter_log(repo):
        record = refs.get_link(repo, commit)
        if record.finished_ns <= since_ns:
            return  # a child is later than its parent
        if record.parent is not None and record.parent in commits and commit not in commits:
            yield record.parent, f"{repo}@{commit.short()} follows it"
