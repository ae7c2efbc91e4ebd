"""Branches that follow others, and what they set going. When they do, `tests/pachyderm/test_triggers.py` says."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from scheduling import files, put, settle, spec, told

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import Trigger, make_trigger
from pfsfuse.scheduler import create_pipeline, delete_pipeline
from pfsfuse.scheduler.triggers import AGAIN_NS, move_branches, set_trigger, triggers
from pfsfuse.testing.executor import FakeExecutor
from store import BadName, Store

SECOND = 1_000_000_000


def follow(store: Store, branch: str, source: str, *, repo: str = "trips", **conditions: object) -> None:
    trigger = make_trigger(source, **conditions)  # type: ignore[arg-type]
    set_trigger(store, repo, branch, trigger, now_ns=0)


def move_all(store: Store, now_ns: int = 0) -> None:
    for _ in range(100):
        if not move_branches(store, now_ns=now_ns).any:
            return
    raise AssertionError("branches do not come to rest")


def add(store: Store, size: int, *, repo: str = "trips", branch: str = "staging") -> None:
    """One commit of one more file."""
    opened = store.repo(repo)
    depth = head.depth if opened.find_branch(branch) and (head := opened.head(branch)) else 0
    put(store, repo, {f"{branch}-{depth}": b"x" * size}, branch=branch)


def heads(store: Store, repo: str = "trips") -> dict[str, int]:
    """How many commits each branch holds."""
    return {name: head.depth if head else 0 for name, head in store.repo(repo).branches_with_heads()}


def fired(store: Store, sizes: Sequence[int]) -> list[bool]:
    """Whether master followed each commit."""
    found = []
    for size in sizes:
        add(store, size)
        move_all(store)
        now = heads(store)
        found.append(now["master"] == now["staging"])
    return found


def test_a_schedule_limits_how_often_a_branch_follows(store: Store) -> None:
    follow(store, "master", "staging", rate_limit_spec="@every 10s")
    trigger = triggers(store)["trips", "master"].trigger
    assert trigger == Trigger(branch="staging", rate_limit_spec="@every 10s")
    assert fired(store, [1, 1]) == [False, False]


def test_a_schedule_moves_a_branch_by_itself(store: Store) -> None:
    opened = store.repo("trips")
    set_trigger(store, "trips", "master", make_trigger("staging", cron_spec="@every 10s"), now_ns=0)
    start = triggers(store)["trips", "master"].ticked_ns
    add(store, 1)
    move_all(store, start + 9 * SECOND)
    assert opened.head("master") is None
    move_all(store, start + 10 * SECOND)
    assert heads(store)["master"] == 1
    add(store, 1)
    move_all(store, start + 5 * SECOND)  # the clock went back
    assert heads(store)["master"] == 1
    move_all(store, start + 1000 * SECOND)
    assert heads(store)["master"] == 2


def test_what_was_there_before_the_trigger_counts_with_the_next_commit(store: Store) -> None:
    add(store, 1)
    follow(store, "master", "staging", commits=2)
    move_all(store)
    assert store.repo("trips").head("master") is None
    add(store, 1)
    move_all(store)
    assert heads(store)["master"] == 2


@pytest.mark.parametrize("chain", [["a"], ["b", "a"], ["c", "b", "a"]])
def test_a_branch_cannot_follow_itself(store: Store, chain: list[str]) -> None:
    for branch, source in itertools.pairwise(chain):
        follow(store, branch, source, commits=1)
    with pytest.raises(SpecError, match="a branch would follow itself: "):
        follow(store, chain[-1], chain[0], commits=1)


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({}, "no condition"),
        ({"commits": -1}, "-1 commits are no condition"),
        ({"commits": 0}, "0 commits are no condition"),
        ({"size": "much"}, "'much' is no size"),
        ({"size": "1i"}, "'1i' is no size"),
        ({"size": "0"}, "'0' is no condition"),
        ({"rate_limit_spec": "sometimes"}, "'sometimes' is no schedule"),
        ({"cron_spec": "* * *"}, "is no schedule"),
        ({"cron_spec": "@daily", "commits": 1}, "goes with no other condition"),
    ],
)
def test_what_is_no_condition_is_refused(conditions, why) -> None:
    with pytest.raises(SpecError) as caught:
        make_trigger("staging", **conditions)
    assert why in str(caught.value)


def test_a_branch_that_cannot_be_moved_holds_up_no_other(store: Store) -> None:
    add(store, 1)
    for branch in ("broken", "calm"):
        follow(store, branch, "staging", commits=1)
    store.repo("trips").delete_branch("broken")
    add(store, 1)
    head = store.repo("trips").head("staging")
    assert head is not None
    store.repo("trips").create_tag("broken", head)
    moved = move_branches(store, now_ns=0)
    assert moved.any and moved.due_ns == AGAIN_NS
    assert heads(store)["calm"] == 2


def test_a_repo_made_anew_has_no_trigger_of_the_one_before(store: Store) -> None:
    follow(store, "master", "staging", commits=1)
    store.delete_repo("trips")
    store.create_repo("trips")
    assert triggers(store) == {}


# ---- jobs


def test_a_branch_moved_to_another_head_starts_one_job_for_all_that_came_with_it(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    settle(store, FakeExecutor(store))
    trips = store.repo("trips")
    trips.create_branch("staging", trips.head())
    for name in "bcd":
        put(store, "trips", {name: b"1"}, branch="staging")
    settle(store, FakeExecutor(store))
    assert len(told(store, "sales")) == 1
    master, staging = trips.head("master"), trips.head("staging")
    assert master is not None and staging is not None
    trips.advance("master", expect=master.id, to=staging.id)
    settle(store, FakeExecutor(store))
    _first, second = told(store, "sales")
    assert (second.id, second.total, second.skipped) == (str(staging.id), 4, 1)
    put(store, "trips", {"e": b"1"})
    settle(store, FakeExecutor(store))
    assert len(told(store, "sales")) == 3


def test_a_moved_branch_is_read_with_what_the_other_inputs_hold_now(store: Store) -> None:
    old = put(store, "trips", {"a": b"1"})
    put(store, "weather", {"rain": b"1"})
    put(store, "trips", {"b": b"1"})
    create_pipeline(store, spec("sales", "trips", "weather", glob="/"))
    newest = put(store, "weather", {"rain": b"2"})
    settle(store, FakeExecutor(store))
    trips = store.repo("trips")
    head = trips.head()
    assert head is not None
    trips.advance("master", expect=head.id, to=old.id)
    settle(store, FakeExecutor(store))
    last = told(store, "sales")[-1]
    assert [each.commit for each in last.inputs] == [str(old.id), str(newest.id)]


def test_a_backlog_on_the_followed_branch_gives_a_job_for_each_move(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    create_pipeline(store, spec("sales", "trips"))
    trips = store.repo("trips")
    trips.create_branch("staging", trips.head())
    follow(store, "master", "staging", commits=2)
    for name in "bcdef":
        put(store, "trips", {name: b"1"}, branch="staging")
    settle(store, FakeExecutor(store))
    assert [job.total for job in told(store, "sales")] == [1, 3, 5]


def test_an_input_with_a_trigger_reads_a_branch_of_its_own(store: Store) -> None:
    put(store, "trips", {"a": b"1"})
    tree = {"pfs": {"repo": "trips", "glob": "/*", "trigger": {"commits": 2}}}
    create_pipeline(store, spec("sales", "trips", input=tree))
    settle(store, FakeExecutor(store))
    assert told(store, "sales") == []
    put(store, "trips", {"b": b"1"})
    settle(store, FakeExecutor(store))
    assert [job.total for job in told(store, "sales")] == [2]
    assert files(store.repo("trips").head("sales-trigger-1")).keys() == {"a", "b"}
    delete_pipeline(store, "sales")
    assert store.repo("trips").find_branch("sales-trigger-1") is None
    assert triggers(store) == {}


def test_an_output_branch_that_is_called_like_a_range_is_refused_before_anything_is_made(
    store: Store,
) -> None:
    with pytest.raises(BadName, match=r"A\.\.B is what came from A to B"):
        create_pipeline(store, spec("sales", "trips", output_branch="a..b"))
    assert store.find_repo("sales") is None


def test_a_trigger_in_an_output_repo_holds_back_what_is_downstream(store: Store) -> None:
    create_pipeline(store, spec("sales", "trips", output_branch="staging"))
    follow(store, "master", "staging", repo="sales", size="1K")
    create_pipeline(store, spec("report", "sales"))
    executor = FakeExecutor(store, transform=lambda task: {task.datum[:8]: b"x" * 600})
    put(store, "trips", {"a": b"1"})
    settle(store, executor)
    assert (len(told(store, "sales")), told(store, "report")) == (1, [])
    put(store, "trips", {"b": b"1"})
    settle(store, executor)
    assert [job.total for job in told(store, "report")] == [2]
