"""Changes to several repos at once: their commits come into being in one transaction, under one id.

    with edit_together([(trips, "master"), (weather, "master")], …) as (a, b):      edits
    commit_drafts([(trips, "master"), (weather, "master")], …)                      what is staged

To a reader the commits exist together or not at all, and a pipeline that reads both repos runs once for both.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from store.edit import ATTEMPTS, Merge, Plan, Standing, Together, look, plan, record_of
from store.engine import Environment, Writing, move_draft
from store.errors import DraftMoved, HeadMoved, Refused
from store.ids import CommitId
from store.repo.changes import Changes
from store.tree import Resolve
from store.trees import Trees

Line = tuple[Changes, str]
"""A repo and a branch of it."""


def edit_together(
    lines: Sequence[Line], *, message: str = "", author: str | None = None, now_ns: int | None = None
) -> Together:
    """An edit for each branch, which become commits at once. Raises Refused for two branches of one repo."""
    check(lines)
    id = CommitId.new()
    return Together(
        [
            repo.edit(branch, message=message, author=author, commit_id=id, now_ns=now_ns)
            for repo, branch in lines
        ]
    )


def commit_drafts(
    env: Environment,
    trees: Trees,
    lines: Sequence[Line],
    *,
    resolve: Resolve,
    message: str,
    author: str | None,
) -> tuple[Merge, ...]:
    """Make what is staged for the branches commits; how that ended for each, in the same order.

    Where a head has moved since something was staged on it, what was staged is merged with it. A conflict in one of
    them, and nothing is changed in any.
    """
    check(lines)
    for repo, _ in lines:
        repo.check_editable()
    for attempt in range(ATTEMPTS):
        standings = [look(env, trees, repo.name, branch) for repo, branch in lines]
        plans = [_plan(trees, on, resolve) for on in standings]
        if any(found is not None and found.conflicts for found in plans):
            return tuple(
                Merge(on.head, False, on.base, () if found is None else found.conflicts)
                for on, found in zip(standings, plans, strict=True)
            )
        try:
            return _commit(lines, standings, plans, message, author)
        except (DraftMoved, HeadMoved):
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the loop returns or raises")


def check(lines: Sequence[Line]) -> None:
    """Raise Refused when a repo is among `lines` twice: an id names one commit in each repo."""
    seen: dict[str, str] = {}
    for repo, branch in lines:
        repo.branch_name(branch)
        if repo.name in seen:
            what = f"{repo.name}@{seen[repo.name]} and {repo.name}@{branch}"
            raise Refused(f"{what} cannot become one commit: an id names one commit in each repo")
        seen[repo.name] = branch


def _plan(trees: Trees, on: Standing, resolve: Resolve) -> Plan | None:
    """What the draft changes in the head that there is now; None when that is the one it was made on."""
    if on.draft is None or (on.head and on.head.id) == on.draft.base:
        return None
    head = None if on.head is None else on.head.tree
    return plan(trees, on.base_tree, head, on.draft.tree, resolve)


def _commit(
    lines: Sequence[Line],
    standings: Sequence[Standing],
    plans: Sequence[Plan | None],
    message: str,
    author: str | None,
) -> tuple[Merge, ...]:
    """Raises DraftMoved or HeadMoved when something is not as it was looked at; then nothing has changed."""
    staged = [(line, on, found) for line, on, found in zip(lines, standings, plans, strict=True) if on.draft]

    def take_away(writing: Writing) -> None:
        for (repo, branch), on, _ in staged:
            move_draft(writing, repo.name, branch, expect=record_of(on.draft), to=None)

    id, now_ns = CommitId.new(), time.time_ns()
    edits = [
        repo.edit(branch, message=message, author=author, commit_id=id, base=on.head, now_ns=now_ns)
        for (repo, branch), on, _ in staged
    ]
    with Together(edits, take_away):
        for edit, (_, on, found) in zip(edits, staged, strict=True):
            if found is not None:
                found.apply(edit)
            elif on.draft is not None:
                edit.graft("", on.draft.tree)
    made = {repo.name: edit for edit, ((repo, _), _, _) in zip(edits, staged, strict=True)}
    return tuple(
        Merge(made[repo.name].result, made[repo.name].changed, on.base)
        if repo.name in made
        else Merge(on.head, False, on.base)
        for (repo, _), on in zip(lines, standings, strict=True)
    )
