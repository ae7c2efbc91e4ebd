"""Triggers: when a branch moves to the head of another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count, pairwise

import pytest
from rows import SAME, cases, row

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import make_trigger
from pfsfuse.scheduler import set_trigger, triggers
from pfsfuse.scheduler.triggers import move_branches
from store import Repo, Store

SECOND = 1_000_000_000
NUMBERS = count()


class Clock:
    """What the time is said to be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 1_700_000_000 * SECOND
        monkeypatch.setattr(time, "time_ns", lambda: self.now_ns)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def repo(shared: Store, clock: Clock) -> Iterator[Repo]:
    name = f"triggers{next(NUMBERS)}"
    yield shared.create_repo(name)
    shared.delete_repo(name)
    triggers(shared)  # forgets those of a repo that is gone


def follow(store: Store, repo: Repo, branch: str, source: str, **conditions: object) -> None:
    trigger = make_trigger(source, **conditions)  # type: ignore[arg-type]
    set_trigger(store, repo.name, branch, trigger, now_ns=time.time_ns())


def move_all(store: Store) -> None:
    while move_branches(store, now_ns=time.time_ns()).any:
        pass


def add(repo: Repo, size: int, branch: str = "staging") -> None:
    """One commit of one more file."""
    head = repo.find_head(branch)
    with repo.edit(branch) as edit:
        edit.write(f"{branch}-{head.depth if head else 0}", b"x" * size)


def depths(repo: Repo) -> dict[str, int]:
    """How many commits each branch holds."""
    return {name: head.depth if head else 0 for name, head in repo.branches_with_heads()}


ANY = {"size": "100", "commits": 3, "rate_limit_spec": "@every 10s"}


@cases(
    "which commits a branch follows",
    "what conditions steps",
    [
        ("each", {"commits": 1}, "1 yes, 1 yes", SAME),
        ("each second", {"commits": 2}, "1 no, 1 yes, 1 no, 1 yes", SAME),
        ("each third", {"commits": 3}, "1 no, 1 no, 1 yes, 1 no", SAME),
        ("a size", {"size": "1K"}, "10 no, 990 yes, 10 no", SAME),
        ("a time between", {"rate_limit_spec": "@every 10s"}, "1 no, wait, 1 yes, 1 no, wait, 1 yes", SAME),
        (
            "any of a size, a number and a time",
            ANY,
            "1 no, 99 yes, 1 no, 1 no, 1 yes, 1 no, wait, 1 yes",
            SAME,
        ),
        (
            "all of them",
            ANY | {"all": True},
            "100 no, 100 no, wait, 100 yes, 100 no, 100 no, 100 no, wait, 100 yes",
            SAME,
        ),
    ],
)
def test_which_commits_a_branch_follows(
    shared: Store, repo: Repo, clock: Clock, what: str, conditions: dict[str, object], steps: str
) -> None:
    """A step is ten seconds of waiting, or a commit of so many bytes, and whether master follows it."""
    follow(shared, repo, "master", "staging", **conditions)
    found = []
    for step in steps.split(", "):
        if step == "wait":
            clock.now_ns += 10 * SECOND
            found.append(step)
            continue
        size = int(step.split()[0])
        add(repo, size)
        move_all(shared)
        now = depths(repo)
        found.append(f"{size} {'yes' if now['master'] == now['staging'] else 'no'}")
    assert ", ".join(found) == steps


@row("a branch that follows another gets the very commit, of the same id")
def test_a_branch_gets_the_commit_itself(shared: Store, repo: Repo) -> None:
    follow(shared, repo, "master", "staging", commits=1)
    add(repo, 1)
    move_all(shared)
    assert repo.head("master") == repo.head("staging")


@row("a schedule moves a branch when its time comes, whatever has been committed")
def test_a_schedule_moves_a_branch(shared: Store, repo: Repo, clock: Clock) -> None:
    follow(shared, repo, "master", "staging", cron_spec="@every 10s")
    add(repo, 1)
    move_all(shared)
    assert repo.head("master") is None
    clock.now_ns += 10 * SECOND
    move_all(shared)
    assert repo.head("master") == repo.head("staging")


@row("branches that follow one another move together, and no other does")
def test_a_chain_moves_together(shared: Store, repo: Repo) -> None:
    follow(shared, repo, "b", "a", size="100")
    follow(shared, repo, "c", "b", size="200")
    follow(shared, repo, "d", "z", size="1")
    seen = []
    for _ in range(5):
        add(repo, 50, "a")
        move_all(shared)
        now = depths(repo)
        seen.append((now["b"], now["c"], now["d"]))
    assert seen == [(0, 0, 0), (2, 0, 0), (2, 0, 0), (4, 4, 0), (4, 4, 0)]


@row(
    "a trigger acts when a commit is finished",
    "when somebody schedules, also for the commits made before that",
)
def test_what_was_committed_meanwhile_counts(shared: Store, repo: Repo) -> None:
    follow(shared, repo, "master", "staging", commits=2)
    for _ in range(5):
        add(repo, 1)
    move_all(shared)
    assert depths(repo) == {"master": 4, "staging": 5}


@row("a branch that is moved back takes none of those along that follow it")
def test_a_branch_is_not_moved_back(shared: Store, repo: Repo) -> None:
    follow(shared, repo, "master", "staging", commits=1)
    for _ in range(2):
        add(repo, 1)
        move_all(shared)
    head = repo.commit("staging")
    repo.advance("staging", expect=head.id, to=repo.commit("staging~1").id)
    move_all(shared)
    assert repo.head("master") == head


@cases(
    "conditions that are none",
    "what branch conditions",
    [
        ("a branch that follows itself", "master", {"commits": 1}, SAME),
        ("a size that is none", "staging", {"size": "much"}, SAME),
        ("fewer than no commits", "staging", {"commits": -1}, SAME),
        ("a schedule that is none", "staging", {"cron_spec": "* * *"}, SAME),
        ("a schedule and another condition", "staging", {"cron_spec": "@daily", "commits": 1}, SAME),
        ("no condition", "staging", {}, "refused: it would never move"),
        ("no commits", "staging", {"commits": 0}, "refused: it would move for nothing"),
    ],
)
def test_what_is_no_trigger_is_refused(
    shared: Store, repo: Repo, what: str, branch: str, conditions: dict[str, object]
) -> None:
    with pytest.raises(SpecError):
        follow(shared, repo, "master", branch, **conditions)
    assert triggers(shared) == {}


@row("branches that follow one another in a circle are refused")
def test_a_circle_is_refused(shared: Store, repo: Repo) -> None:
    for branch, source in pairwise("abc"):
        follow(shared, repo, branch, source, commits=1)
    with pytest.raises(SpecError):
        follow(shared, repo, "c", "a", commits=1)
