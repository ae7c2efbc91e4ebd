"""When a branch moves to the head of another: what the conditions of a trigger say of a new commit. Pure.

    size             so many bytes more than the head it has            a branch without one has none
    commits          so many commits since the head it has
    rate_limit_spec  a time of the schedule lies between the head it has (without one: the trigger's making) and the new
    cron_spec        the time has come, whatever has been committed

One of them is enough, or with `all` every one that is set is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from pfsfuse.errors import SpecError
from pfsfuse.pipeline.input import Trigger
from pfsfuse.pipeline.reader import shown
from pfsfuse.pipeline.schedule import compile_schedule

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([KMGTP]?)(i?)B?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Growth:
    """What a commit on the followed branch is, beside the head that the branch with the trigger has."""

    size: int
    """Bytes that it has more; negative when it has fewer."""
    commits: int
    since_ns: int
    """When the head was finished; without one, when the trigger was made."""
    now_ns: int
    """When the commit was finished."""


def fires(trigger: Trigger, growth: Growth) -> bool:
    """Whether a trigger without `cron_spec` moves its branch to this commit."""
    met = []
    if trigger.size is not None:
        met.append(growth.size >= trigger.size)
    if trigger.commits is not None:
        met.append(growth.commits >= trigger.commits)
    if trigger.rate_limit_spec:
        tick = compile_schedule(trigger.rate_limit_spec).after(growth.since_ns)
        met.append(tick is not None and tick <= growth.now_ns)
    return bool(met) and (all(met) if trigger.all else any(met))


def make_trigger(
    branch: str,
    *,
    size: str = "",
    commits: int | None = None,
    rate_limit_spec: str = "",
    cron_spec: str = "",
    all: bool = False,
) -> Trigger:
    """A trigger from what people write. Raises SpecError for a condition that is none, and for there being none."""
    for schedule in (rate_limit_spec, cron_spec):
        if schedule:
            compile_schedule(schedule)
    if commits is not None and commits < 1:
        raise SpecError(f"{commits} commits are no condition; expected at least 1")
    read = read_size(size) if size else None
    if cron_spec and (read is not None or commits is not None or rate_limit_spec or all):
        raise SpecError("a schedule that moves a branch by itself (cron_spec) goes with no other condition")
    if not cron_spec and read is None and commits is None and not rate_limit_spec:
        raise SpecError("no condition: expected a size, a number of commits or a schedule")
    return Trigger(
        branch=branch,
        size=read,
        commits=commits,
        rate_limit_spec=rate_limit_spec,
        cron_spec=cron_spec,
        all=all,
    )


def read_size(text: str) -> int:
    """Bytes: 100, 1K (1000), 1KiB (1024), 2.5MB. Raises SpecError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise SpecError(f'{shown(text)} is no size; expected one such as "100", "1K" or "2MiB"')
    number, unit, binary = match.groups()
    if binary and not unit:
        raise SpecError(f'{shown(text)} is no size; expected one such as "100", "1K" or "2MiB"')
    size = int(
        Decimal(number) * (1024 if binary else 1000) ** ("KMGTP".index(unit.upper()) + 1 if unit else 0)
    )
    if size < 1:
        raise SpecError(f"{shown(text)} is no condition; expected at least 1 byte")
    return size
