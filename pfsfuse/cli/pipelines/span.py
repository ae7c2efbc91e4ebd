"""A length of time on the command line: `90s`, `1h30m`."""

from __future__ import annotations

import re

import click

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Span(click.ParamType[float, str]):
    """Seconds, from a number and a unit, or several of them."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        parts = _PART.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is not a length of time; write 30s, 10m, 1h30m or 2d", param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
