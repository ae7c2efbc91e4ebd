"""Which of the records that were found make up the store.

A record that is in use counts. One that lay on another page may be old: it counts only where the table that it belongs
to could not be read as a whole, and for a commit also where something that counts refers to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from store import names
from store.engine.wreck import Wreck
from store.errors import Corrupt
from store.format import commit as commits
from store.format import tables
from store.format.tables import (
    BRANCH,
    HEADER_KEY,
    META,
    PINS,
    REFS,
    REPOS,
    SHELVES,
    TAG,
    Header,
    PinBody,
    RefBody,
    RepoBody,
)
from store.ids import CommitId
from store.records import MAKERS, CommitRecord
from store.salvaging.records import Loss

T = TypeVar("T")
Key = tuple[str, CommitId]
"""A commit: its repo and its id."""


@dataclass(slots=True)
class Chosen:
    """What the new store is to hold, as far as its trees can be read."""

    header: Header | None = None
    repos: dict[str, RepoBody] = field(default_factory=dict)
    commits: dict[Key, CommitRecord] = field(default_factory=dict)
    refs: dict[tuple[str, bytes, str], CommitId | None] = field(default_factory=dict)
    """By repo, kind and name."""
    made: set[tuple[str, bytes, str]] = field(default_factory=set)
    """Those of them of which no record was found."""
    pins: dict[bytes, PinBody] = field(default_factory=dict)
    shelves: dict[bytes, bytes] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)


def choose(wreck: Wreck) -> Chosen:
    """What to keep."""
    chosen = Chosen()
    for body in _bodies(wreck, META).get(HEADER_KEY, ()):
        chosen.header = _decoded(tables.decode, Header, body)
    for key, bodies in _bodies(wreck, commits.TABLE).items():
        _add_commit(chosen, key, bodies)
    _choose_repos(wreck, chosen)
    _choose_refs(wreck, chosen)
    _add_ancestors(wreck, chosen)
    for key, bodies in _bodies(wreck, PINS).items():
        pin = _decoded(tables.decode, PinBody, bodies[-1])
        if pin is not None:
            chosen.pins[key] = pin
    chosen.shelves = {key: bodies[-1] for key, bodies in _bodies(wreck, SHELVES).items()}
    for table in sorted(wreck.live.keys() - wreck.whole):
        why = "it could not be read as a whole; records were looked for on all pages, old ones may be among them"
        chosen.losses.append(Loss(f"table {table.decode()}", None, why))
    return chosen


def _bodies(wreck: Wreck, table: bytes) -> dict[bytes, list[bytes]]:
    """The bodies that count, by key: one that is in use, or all that were found."""
    live = {key: [body] for key, body in wreck.live[table].items()}
    return live if table in wreck.whole else {**wreck.found[table], **live}


def _decoded(decode: Callable[..., T], *arguments: object) -> T | None:
    try:
        return decode(*arguments)
    except Corrupt:
        return None


def _add_ancestors(wreck: Wreck, chosen: Chosen) -> None:
    """The commits that others name, wherever they lay."""
    waiting = list(chosen.commits.values())
    while waiting:
        record = waiting.pop()
        for ancestor in (record.parent, record.jump):
            if added := _add_named(wreck, chosen, record.repo, ancestor):
                waiting.append(added)


def _add_named(wreck: Wreck, chosen: Chosen, repo: str, commit: CommitId | None) -> CommitRecord | None:
    if commit is None or (repo, commit) in chosen.commits:
        return None
    key = commits.key(commit, repo)
    return _add_commit(chosen, key, wreck.found[commits.TABLE].get(key, []))


def _add_commit(chosen: Chosen, key: bytes, bodies: list[bytes]) -> CommitRecord | None:
    for body in bodies:
        record = _decoded(commits.decode, key, body)
        if record is not None and names.may_be_repo(record.repo):
            chosen.commits[record.repo, record.id] = record
            return record
    return None


def _choose_repos(wreck: Wreck, chosen: Chosen) -> None:
    for key, bodies in _bodies(wreck, REPOS).items():
        body = _decoded(tables.decode, RepoBody, bodies[-1])
        name = key.decode("ascii", "replace")
        if body is not None and names.may_be_repo(name):
            chosen.repos[name] = body
    live = {key[16:].decode("ascii", "replace") for key in wreck.live[commits.TABLE]}
    for (repo, commit), record in list(chosen.commits.items()):
        if repo in chosen.repos:
            continue
        if REPOS in wreck.whole and repo not in live:
            del chosen.commits[repo, commit]  # of a repo that was deleted
            continue
        chosen.repos[repo] = RepoBody(
            "", record.origin if record.origin in MAKERS else "user", record.started_ns
        )
        chosen.losses.append(Loss(repo, None, "its record is gone, and with it the description"))


def _choose_refs(wreck: Wreck, chosen: Chosen) -> None:
    for key, bodies in _bodies(wreck, REFS).items():
        repo, kind, name = _split_ref(key)
        if repo not in chosen.repos or kind not in (BRANCH, TAG) or not names.may_be_ref(name):
            continue
        found = [_decoded(tables.decode, RefBody, body) for body in bodies]
        heads = [None if each.commit is None else CommitId(each.commit) for each in found if each is not None]
        for head in heads:
            _add_named(wreck, chosen, repo, head)
        chosen.refs[repo, kind, name] = max(heads, key=lambda head: _age(chosen, repo, head), default=None)
    wanted = {(repo, body.default_branch) for repo, body in chosen.repos.items()}
    if REFS not in wreck.whole:
        wanted |= {(record.repo, record.branch) for record in chosen.commits.values()}
    for repo, branch in sorted(wanted):
        if not any((repo, kind, branch) in chosen.refs for kind in (BRANCH, TAG)) and names.may_be_ref(
            branch
        ):
            chosen.refs[repo, BRANCH, branch] = None
            chosen.made.add((repo, BRANCH, branch))
            chosen.losses.append(Loss(f"{repo}@{branch}", None, "its record is gone"))


def _split_ref(key: bytes) -> tuple[str, bytes, str]:
    repo, _, rest = key.partition(b"\0")
    kind, _, name = rest.partition(b"\0")
    return repo.decode("ascii", "replace"), kind, name.decode("ascii", "replace")


def _age(chosen: Chosen, repo: str, head: CommitId | None) -> int:
    record = None if head is None else chosen.commits.get((repo, head))
    return 0 if record is None else record.finished_ns
