"""The clock as an input: each cron input has a repo of its own, whose commits hold empty files named by times.

Whoever schedules commits a tick when its time has come; the commit arrives like any other. Ticks that came while nobody
scheduled are caught up with in one commit, so that one job runs them: the last `CAUGHT_UP` of them, and the commit's
message says so when there were more. With `overwrite` only the last one counts, and is alone in the commit.

Where a clock stands is told by the newest file alone. So one that jumps forward is caught up with as if nobody had
scheduled meanwhile, and one that jumps back gives no tick until it has come past the newest file again: no tick comes
twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pfsfuse.errors import JobError
from pfsfuse.pipeline import CronInput, Spec, compile_schedule, find_time, inputs, time_name
from pfsfuse.scheduler.job import Pipeline
from store import Commit, CommitId, Store, StoreError

log = logging.getLogger(__name__)

ORIGIN = "cron"
CAUGHT_UP = 1000
"""Ticks that one commit holds at most."""
AGAIN_NS = 10_000_000_000
"""Before a clock whose ticks could not be committed is looked at again."""


Newest = dict[tuple[str, CommitId], int | None]
"""The newest tick in a commit of a clock's repo, if it has any: one of a year holds 500,000 files, and is looked
at whenever anything is planned."""
_MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Clock:
    """A cron input of a pipeline."""

    pipeline: Pipeline
    leaf: CronInput


def clocks(pipelines: Iterable[tuple[Pipeline, Spec]]) -> list[Clock]:
    """All cron inputs."""
    return [
        Clock(pipeline, leaf)
        for pipeline, spec in pipelines
        for leaf in inputs(spec)
        if isinstance(leaf, CronInput)
    ]


def tick(store: Store, found: Iterable[Clock], *, now_ns: int, newest: Newest | None = None) -> int | None:
    """Commit the ticks whose time has come; when the next one's will. A clock whose ticks cannot be committed is
    logged, tried again later, and holds up no other. What was found out about commits is kept in `newest`."""
    newest = {} if newest is None else newest
    due = []
    for clock in found:
        if store.find_repo(clock.leaf.repo) is None:
            continue  # deleted by hand: nothing to tick in
        try:
            due.append(_tick(store, clock, now_ns, newest))
        except StoreError as error:
            log.error("no tick in %s@%s: %s", clock.leaf.repo, clock.leaf.branch, error)
            due.append(now_ns + AGAIN_NS)
    return min((each for each in due if each is not None), default=None)


def _tick(store: Store, clock: Clock, now_ns: int, newest: Newest) -> int | None:
    """The same, of one clock. Raises what committing raises."""
    schedule, since_ns = compile_schedule(clock.leaf.schedule), _since(store, clock, newest)
    at_most = 1 if clock.leaf.overwrite else CAUGHT_UP
    times, more = schedule.between(since_ns, now_ns, at_most=at_most)
    if times:
        message = time_name(times[-1]) if len(times) == 1 else f"{len(times)} ticks"
        if more and not clock.leaf.overwrite:
            message += "; earlier ones are left out"
        _commit(store, clock.leaf, map(time_name, times), message)
        since_ns = times[-1]
    return schedule.after(since_ns)


def run_cron(store: Store, pipeline: Pipeline, spec: Spec, *, name: str = "", now_ns: int) -> list[Commit]:
    """A tick now, by hand, of the cron input of this name, or of all. Raises JobError when there is none."""
    wanted = [clock.leaf for clock in clocks([(pipeline, spec)]) if name in ("", clock.leaf.name)]
    if not wanted:
        called = f" {name!r}" if name else ""
        raise JobError(
            f"pipeline {pipeline.name!r} has no cron input{called}",
            hint=f"`pfs pipeline run {pipeline.name}`",
        )
    made = []
    for leaf in wanted:
        file = time_name(now_ns)
        head = store.repo(leaf.repo).find_head(leaf.branch)
        if head is not None and head.find(file.encode()) is not None:
            file = f"{file[:-1]}.{now_ns % 1_000_000_000:09}Z"  # twice in a second
        made.append(_commit(store, leaf, [file], f"{file}, by hand"))
    return made


def _commit(store: Store, leaf: CronInput, files: Iterable[str], message: str) -> Commit:
    with store.repo(leaf.repo).edit(leaf.branch, message=message, origin=ORIGIN, allow_empty=True) as edit:
        if leaf.overwrite:
            edit.remove("")
        for file in files:
            edit.write(file, b"")
    assert edit.result is not None  # allow_empty: there is always a commit
    return edit.result


def _since(store: Store, clock: Clock, newest: Newest) -> int:
    """The newest tick there is; without one, when ticks begin to count."""
    head = store.repo(clock.leaf.repo).find_head(clock.leaf.branch)
    if head is not None and (head.repo, head.id) not in newest:
        if len(newest) >= _MOST_KNOWN:
            newest.clear()
        newest[head.repo, head.id] = _newest(head)
    start_ns = find_time(clock.leaf.start) if clock.leaf.start else None
    begun_ns = clock.pipeline.created_ns if start_ns is None else start_ns
    last_ns = None if head is None else newest[head.repo, head.id]
    return begun_ns if last_ns is None else max(last_ns, begun_ns)


def _newest(commit: Commit) -> int | None:
    times = (find_time(entry.name.decode("utf-8", "replace")) for entry in commit.list())
    return max((time for time in times if time is not None), default=None)
