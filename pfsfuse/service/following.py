"""Services that move along: an input with `follow` stands at the head of its branch, whatever arrives there.

When the head has moved, the order is replaced by one for the new commits, under the same ports and token. The
supervisor then does what it does with any order that another one has replaced: the old command is asked to end, what it
saved is committed, and the new one starts with that.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from pfsfuse.service import record
from pfsfuse.service.record import Order
from store import CommitId, Store

Heads = Mapping[tuple[str, str], CommitId | None]


def branches_followed(orders: Mapping[str, Order]) -> list[tuple[str, str]]:
    """The repos and branches that orders to run follow, each once."""
    found = (
        (each.repo, each.branch)
        for order in orders.values()
        if order.wanted == "running"
        for each in order.inputs
        if each.follow
    )
    return list(dict.fromkeys(found))


def plan_follow(orders: Mapping[str, Order], heads: Heads, *, now_ns: int) -> dict[str, Order]:
    """The orders that are to take the place of those whose branches have moved. A branch that is gone, or empty, leaves
    its input where it is."""
    moved = {}
    for name, order in orders.items():
        if order.wanted != "running":
            continue
        inputs = tuple(
            replace(each, commit=str(head))
            if each.follow and (head := heads.get((each.repo, each.branch))) is not None
            else each
            for each in order.inputs
        )
        if inputs != order.inputs:
            moved[name] = replace(order, inputs=inputs, serial=max(now_ns, order.serial + 1))
    return moved


def follow(store: Store, orders: Mapping[str, Order], *, now_ns: int) -> dict[str, Order]:
    """Replace the orders whose branches have moved; all orders as they are then. One that somebody has just changed is
    left for the next time."""
    running = {
        name: order for name, order in orders.items() if not record.status_of(store, name, order).final
    }
    branches = branches_followed(running)
    if not branches:
        return dict(orders)
    now = dict(orders)
    for name, order in plan_follow(running, store.heads(branches), now_ns=now_ns).items():
        if record.replace_order(store, name, orders[name], order):
            now[name] = order
    return now
