"""Branches that follow others: what they wait for, and moving them when it has come.

    key                      value
    <repo> \\0 <branch>      Following as JSON

Whoever schedules looks at the commits of the followed branch one by one, in order, also at those made while nobody
scheduled, and remembers how far it has looked. A branch moves to the commit itself: it keeps its id. After each move
jobs are planned before anything else moves, so a backlog moves a branch as often as promptness does.

What a crash between the move and the note of it leaves is looked at again; a branch never moves back to what is in its
past, so it does not move twice.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import Growth, Trigger, compile_schedule, fires
from pfsfuse.scheduler.arrivals import Arrival
from pfsfuse.scheduler.history import StoreHistory
from store import Commit, CommitId, Conflict, Repo, Store, StoreError

log = logging.getLogger(__name__)

AGAIN_NS = 10_000_000_000
"""Before a branch that could not be moved is looked at again."""

_Key = tuple[str, str]


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """A branch with a trigger."""

    repo: str
    branch: str
    trigger: Trigger
    made_ns: int
    seen: str = ""
    """The last commit of the followed branch that was looked at, 32 hex digits; "" when it had none."""
    ticked_ns: int = 0
    """Of a `cron_spec`: up to when its ticks have been acted on."""
    pipeline: str = ""
    """Made for an input of this pipeline, and gone with it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What one look has done."""

    any: bool
    """A branch has moved: plan, and look again."""
    due_ns: int | None
    """When the next schedule will want a look."""


def triggers(store: Store) -> dict[_Key, Following]:
    """All branches with triggers, by repo and branch. A repo that was made anew has none of those before it."""
    found = (msgspec.json.decode(value, type=Following) for _, value in store.shelf("triggers").iter())
    return {(each.repo, each.branch): each for each in found if _repo_of(store, each) is not None}


def set_trigger(
    store: Store, repo: str, branch: str, trigger: Trigger, *, now_ns: int, pipeline: str = ""
) -> Following:
    """Have a branch, made when it is missing, follow another from the next commit on.

    The followed branch need not be there yet. Raises SpecError for a branch that would follow itself, directly or
    through others; RepoNotFound, BadName.
    """
    opened = store.repo(repo)
    others = {name: each.trigger.branch for (of, name), each in triggers(store).items() if of == repo}
    path = [branch]
    at: str | None = trigger.branch
    while at is not None:
        path.append(at)
        if at == branch:
            raise SpecError(f"{repo}: a branch would follow itself: {' -> '.join(path)}")
        at = others.get(at)
    head = StoreHistory(store).head(repo, trigger.branch)
    made = Following(
        repo=repo,
        branch=branch,
        trigger=trigger,
        made_ns=max(
            now_ns, opened.created_ns
        ),  # or it would seem to be of an earlier repo, once a clock goes back
        seen="" if head is None else str(head.commit),
        ticked_ns=now_ns,
        pipeline=pipeline,
    )
    if branch != opened.default_branch and opened.find_branch(branch) is None:
        opened.create_branch(branch)
    _put(store, made)
    return made


def remove_trigger(store: Store, repo: str, branch: str) -> None:
    """Let a branch follow no other any more; it stays where it is. Harmless when it follows none."""
    store.shelf("triggers").delete(_key(repo, branch))


def unseen(store: Store, each: Following) -> Sequence[Arrival]:
    """What has arrived on the followed branch since it was looked at."""
    seen = CommitId.parse(each.seen) if each.seen else None
    return StoreHistory(store).arrivals(each.repo, each.trigger.branch, seen)


def move_branches(store: Store, *, now_ns: int) -> Moved:
    """Move each branch whose time has come, once at most. One that cannot be moved (a tag has taken its name, the disk
    is full) is logged, tried again later, and holds up no other."""
    moved, due = False, []
    for each in triggers(store).values():
        try:
            now = _scheduled(store, each, now_ns) if each.trigger.cron_spec else _committed(store, each)
        except Conflict:
            moved = True  # somebody else has moved it: look again
            continue
        except StoreError as error:
            log.error("%s@%s cannot follow %s: %s", each.repo, each.branch, each.trigger.branch, error)
            due.append(now_ns + AGAIN_NS)
            continue
        if now is None:
            moved = True
        elif now.trigger.cron_spec and (tick := compile_schedule(now.trigger.cron_spec).after(now.ticked_ns)):
            due.append(tick)
    return Moved(moved, min(due, default=None))


def _scheduled(store: Store, each: Following, now_ns: int) -> Following | None:
    """As it is now; None when the branch has moved."""
    ticks, _ = compile_schedule(each.trigger.cron_spec).between(each.ticked_ns, now_ns, at_most=1)
    if not ticks:
        return each
    repo = store.repo(each.repo)
    source, head = repo.find_head(each.trigger.branch), repo.find_head(each.branch)
    ticked = replace(each, ticked_ns=ticks[-1])
    if source is None or (head is not None and head.id == source.id):
        _put(store, ticked)
        return ticked
    repo.advance(each.branch, expect=None if head is None else head.id, to=source.id)
    _put(store, ticked)
    return None


def _committed(store: Store, each: Following) -> Following | None:
    """As it is now; None when the branch has moved."""
    repo, now = store.repo(each.repo), each
    for arrival in unseen(store, each):
        now = replace(each, seen=str(arrival.commit))
        commit, head = store.commit(each.repo, arrival.commit), repo.find_head(each.branch)
        if _is_new(repo, commit, head) and fires(each.trigger, _growth(repo, each, commit, head)):
            repo.advance(each.branch, expect=None if head is None else head.id, to=commit.id)
            _put(store, now)
            return None
    if now is not each:
        _put(store, now)
    return now


def _growth(repo: Repo, each: Following, commit: Commit, head: Commit | None) -> Growth:
    grown_from = head if head is not None and repo.is_ancestor(head, commit) else None
    return Growth(
        size=commit.tree.size - (head.tree.size if head is not None else 0),
        commits=commit.depth - (grown_from.depth if grown_from is not None else 0),
        since_ns=head.finished_ns if head is not None else each.made_ns,
        now_ns=commit.finished_ns,
    )


def _is_new(repo: Repo, commit: Commit, head: Commit | None) -> bool:
    return head is None or not repo.is_ancestor(commit, head)


def _repo_of(store: Store, each: Following) -> Repo | None:
    repo = store.find_repo(each.repo)
    if repo is None or repo.created_ns > each.made_ns:
        remove_trigger(store, each.repo, each.branch)
        return None
    return repo


def _put(store: Store, each: Following) -> None:
    store.shelf("triggers").put(_key(each.repo, each.branch), msgspec.json.encode(each))


def _key(repo: str, branch: str) -> bytes:
    return f"{repo}\0{branch}".encode()
