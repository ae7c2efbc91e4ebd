"""Times that come again: what `cron.spec` and triggers say.

    5 fields    minute hour day-of-month month day-of-week, with *, ranges, steps, lists and names, in UTC
    @hourly @daily @midnight @weekly @monthly @yearly @annually
    @every 1h30m   so long after the time before; at least a second
    @never         only by hand

Ticks are whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from cronsim import CronSim, CronSimError

from pfsfuse.errors import SpecError
from pfsfuse.pipeline.fields import LONGEST, duration
from pfsfuse.pipeline.reader import shown

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SECOND = 1_000_000_000
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Schedule:
    """When it is time. Times are nanoseconds since 1970, in whole seconds."""

    def __init__(self, text: str, fields: str, every: int) -> None:
        self.text = text
        """As written."""
        self._fields = fields
        self._every = every

    def after(self, time_ns: int) -> int | None:
        """The first tick after a time; None when there is none, or none within fifty years."""
        seconds = time_ns // _SECOND
        if self._every:
            return (seconds + self._every) * _SECOND
        return next(_ticks(self._fields, seconds, reverse=False), None) if self._fields else None

    def between(self, after_ns: int, until_ns: int, *, at_most: int) -> tuple[list[int], bool]:
        """The last ticks after one time and up to another, oldest first, and whether there are more than these.

        A clock that went back has none: nothing lies between a time and an earlier one.
        """
        found = list(islice(self._backwards(after_ns, until_ns), at_most + 1))
        return found[:at_most][::-1], len(found) > at_most

    def _backwards(self, after_ns: int, until_ns: int) -> Iterator[int]:
        first, last = after_ns // _SECOND, until_ns // _SECOND
        if self._every:
            count = (last - first) // self._every
            yield from ((first + n * self._every) * _SECOND for n in range(count, 0, -1))
        elif self._fields and last > first:
            # From the next second on, which is no tick itself or later than `until`.
            for tick in _ticks(self._fields, last + 1, reverse=True):
                if tick <= after_ns:
                    return
                yield tick


def compile_schedule(text: str) -> Schedule:
    """The schedule `text` stands for. Raises SpecError."""
    if text == "@never":
        return Schedule(text, "", 0)
    if text.startswith("@every "):
        length = duration(text.removeprefix("@every ").strip())
        if length is None or not 1 <= length <= LONGEST:
            raise SpecError(
                f'{shown(text)} is no schedule; expected a length such as in "@every 1h30m", at least 1s'
            )
        return Schedule(text, "", int(length))
    fields = _NAMED.get(text, text)
    words = fields.replace("?", "*").split()
    if len(words) != 5:
        raise SpecError(
            f'{shown(text)} is no schedule; expected five fields such as "0 6 * * 1", "@daily", "@every 1h" or "@never"'
        )
    try:
        next(CronSim(" ".join(words), _FIRST), None)
    except CronSimError as error:
        raise SpecError(f"{shown(text)} is no schedule: {str(error).lower()}") from None
    return Schedule(text, " ".join(words), 0)


def time_name(time_ns: int) -> str:
    """A time in whole seconds as RFC 3339 writes it: how a tick's file is called."""
    return (_FIRST + timedelta(seconds=time_ns // _SECOND)).strftime("%Y-%m-%dT%H:%M:%SZ")


def find_time(text: str) -> int | None:
    """The time that RFC 3339 text names, down to whole seconds; None for anything else."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(time.timestamp()) * _SECOND if time.tzinfo is not None and len(text) >= 20 else None


def _ticks(fields: str, seconds: int, *, reverse: bool) -> Iterator[int]:
    ticks = CronSim(fields, _FIRST + timedelta(seconds=seconds), reverse=reverse)
    return (int(tick.timestamp()) * _SECOND for tick in ticks)
