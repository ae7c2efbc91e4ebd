"""What to do about each service, from what is ordered and what runs: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pfsfuse.service.record import Order, Status


@dataclass(frozen=True, slots=True)
class Plan:
    """Names, each list in name order."""

    start: tuple[str, ...]
    """Ordered to run, and not running: new, or cut short by a crash."""
    stop: tuple[str, ...]
    """Running, and ordered to stop, or running on an order that another one has replaced."""
    settle: tuple[str, ...]
    """Ordered to stop, and not running: a crash left what they saved uncommitted."""


def plan_services(services: Mapping[str, tuple[Order, Status]], kept: Mapping[str, int]) -> Plan:
    """`services` has each service's order and status; `kept` the serial of the order that each keeper is about."""
    orders = {name: order for name, (order, status) in sorted(services.items()) if not status.final}
    wanted = {name for name, order in orders.items() if order.wanted == "running"}
    return Plan(
        start=tuple(name for name in orders if name in wanted and name not in kept),
        stop=tuple(
            name
            for name in orders
            if name in kept and (name not in wanted or kept[name] != orders[name].serial)
        ),
        settle=tuple(name for name in orders if name not in wanted and name not in kept),
    )
