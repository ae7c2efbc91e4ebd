"""What a datum may use of the machine: `resource_limits`, in the quantities that Kubernetes knows."""

from __future__ import annotations

import re
from decimal import Decimal

from msgspec import Struct

from pfsfuse.pipeline.fields import Field
from pfsfuse.pipeline.tables import LIMITS

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(m|k|[KMGTP]i?|)")
_FACTORS = {"": Decimal(1), "m": Decimal("0.001"), "k": Decimal(1000), "K": Decimal(1000)}
_FACTORS |= {unit: Decimal(1000) ** power for power, unit in enumerate("MGTP", 2)}
_FACTORS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTP", 1)}

LEAST_MEMORY = 4 << 20
"""Bytes: less than that, and not even a shell starts."""
LEAST_CPU = 0.01
MOST_CPU = 10_000


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The most that all processes of one datum may use together; None: no limit."""

    memory: int | None = None
    """Bytes. Whoever wants more is killed."""
    cpu: float | None = None
    """Cores. Whoever wants more waits."""


def read_limits(field: Field) -> Limits | None:
    """The `resource_limits` section; None when it limits nothing."""
    found = field.table(LIMITS)
    memory = (
        _quantity(found["memory"], 'an amount of memory such as "512Mi" or "2G"')
        if "memory" in found
        else None
    )
    if memory is not None and memory < LEAST_MEMORY:
        found["memory"].fail(f"too little for any program; expected at least {LEAST_MEMORY >> 20}Mi")
    cpu = _quantity(found["cpu"], 'a number of cores such as 2, 0.5 or "500m"') if "cpu" in found else None
    if cpu is not None and not LEAST_CPU <= cpu <= MOST_CPU:
        found["cpu"].fail(f"out of range; expected {LEAST_CPU} to {MOST_CPU} cores")
    if memory is None and cpu is None:
        return None
    return Limits(memory=None if memory is None else int(memory), cpu=None if cpu is None else float(cpu))


def _quantity(field: Field, what: str) -> Decimal:
    value = field.node.value
    written = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    read = _QUANTITY.fullmatch(written)
    if read is None:
        field.fail(f"expected {what}")
    return Decimal(read[1]) * _FACTORS[read[2]]
