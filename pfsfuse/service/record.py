"""What is known of a service: the order somebody gave, and the status the daemon reports.

Two records for each name lie on the store's shelf "services", each with one writer, so that nobody's
write is lost:

    order/<name>    written by the command line: what to run, on which commits, running or stopped; and by the daemon
                    when a branch that it follows has moved, unless somebody was faster
    status/<name>   written by the one daemon that supervises: what became of it

An order's `serial` grows with each order for a name; a status says which order it is about. A status about an
older order is history, and a new order has the status "starting" until the daemon has looked at it.

    starting ──► running ──► stopping ──► stopped        stopped and failed are final for that order: what was in
        │           │                                     `out` has been committed
        └───────────┴──────► failed
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from store import Conflict, Shelf, Store

SHELF = "services"


class FixedInput(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a service: a directory `/pfs/<name>` that never changes."""

    name: str
    repo: str
    branch: str
    """The branch of the commit; provenance names it."""
    commit: str
    """32 hex digits: the exact commit the input was fixed at when the service was ordered."""
    follow: bool = False
    """Fixed for this order only: another one takes its place when the branch has moved."""
    glob: str
    """Which paths are visible; "/" for all."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for."""

    serial: int
    """Unix time in ns when it was ordered; the same while the order only changes from running to stopped."""
    wanted: str
    """"running" or "stopped"."""
    spec: dict[str, Any]
    """The specification in its canonical JSON form."""
    inputs: tuple[FixedInput, ...]
    """In the order of the specification; empty: the service sees the whole mount."""
    internal_port: int
    """Where the command listens, on 127.0.0.1."""
    external_port: int
    """Where people connect, on 127.0.0.1."""
    token: str
    """What has to be shown to be let in; it reaches the service in its environment only."""
    jupyter: bool
    """The command is a Jupyter server: its address has another form."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order."""

    serial: int
    """The order this is about."""
    state: str
    """"starting", "running", "stopping", "stopped" or "failed"."""
    pid: int | None = None
    """The worker process that keeps the command running; None when there is none."""
    started_ns: int | None = None
    """Unix time in ns of the last start of the command."""
    restarts: int = 0
    """How often the command died and was started again."""
    reason: str = ""
    """Why it failed, was stopped or does not answer; "" when there is nothing to say."""
    commit: str | None = None
    """What was in `out` at the end: a commit of the service's own repo, 32 hex digits."""

    @property
    def final(self) -> bool:
        return self.state in ("stopped", "failed")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service as people see it: an order and its status, ready to be printed as JSON."""

    name: str
    state: str
    reason: str
    url: str
    """Where to click, token included."""
    internal_port: int
    external_port: int
    token: str
    inputs: tuple[FixedInput, ...]
    pid: int | None
    restarts: int
    ordered_ns: int
    started_ns: int | None
    out: str
    """The host directory that the service sees as /pfs/out while it exists."""
    log: str
    """The host file with everything the service printed."""
    commit: str | None
    """What was in `out` when the service ended, as a commit of the repo named like the service."""
    spec: dict[str, Any]


def shelf(store: Store) -> Shelf:
    return store.shelf(SHELF)


def find_order(store: Store, name: str) -> Order | None:
    found = shelf(store).get(b"order/" + name.encode())
    return None if found is None else msgspec.json.decode(found, type=Order)


def find_status(store: Store, name: str) -> Status | None:
    found = shelf(store).get(b"status/" + name.encode())
    return None if found is None else msgspec.json.decode(found, type=Status)


def put_order(store: Store, name: str, order: Order) -> None:
    shelf(store).put(b"order/" + name.encode(), msgspec.json.encode(order))


def replace_order(store: Store, name: str, old: Order, new: Order) -> bool:
    """Put `new` in the place of `old`; False, and nothing changed, when it is not there any more."""
    key = b"order/" + name.encode()
    try:
        shelf(store).update({key: msgspec.json.encode(new)}, expect={key: msgspec.json.encode(old)})
    except Conflict:
        return False
    return True


def put_status(store: Store, name: str, status: Status) -> None:
    shelf(store).put(b"status/" + name.encode(), msgspec.json.encode(status))


def forget(store: Store, name: str) -> None:
    key = name.encode()
    shelf(store).update({b"order/" + key: None, b"status/" + key: None})


def iter_orders(store: Store) -> Iterator[tuple[str, Order]]:
    """Every service ever ordered and not forgotten, in name order."""
    for key, value in shelf(store).iter(b"order/"):
        yield key.removeprefix(b"order/").decode(), msgspec.json.decode(value, type=Order)


def status_of(store: Store, name: str, order: Order) -> Status:
    """The status of this very order: "starting" when the daemon has not looked at it yet."""
    status = find_status(store, name)
    if status is None or status.serial != order.serial:
        return Status(serial=order.serial, state="starting")
    return status


def url(order: Order) -> str:
    page = "lab" if order.jupyter else ""
    return f"http://127.0.0.1:{order.external_port}/{page}?token={order.token}"
