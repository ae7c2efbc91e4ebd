"""Services that move along with branches: what is ordered anew, and by whom."""

from __future__ import annotations

from collections.abc import Callable

from pfsfuse.pipeline import Spec
from pfsfuse.role import Role, RoleLock
from pfsfuse.service import create_service, record
from pfsfuse.service.following import follow, plan_follow
from pfsfuse.service.record import FixedInput, Order, Status
from store import CommitId, Store

OLD, NEW = CommitId.new(), CommitId.new()


def order(*follows: bool, wanted: str = "running") -> Order:
    inputs = tuple(
        FixedInput(name=f"i{at}", repo="trips", branch="master", commit=str(OLD), glob="/", follow=each)
        for at, each in enumerate(follows)
    )
    return Order(
        serial=5,
        wanted=wanted,
        spec={},
        inputs=inputs,
        internal_port=1,
        external_port=1,
        token="t",
        jupyter=False,
    )


def test_only_inputs_that_follow_move_and_only_when_their_branch_has() -> None:
    heads = {("trips", "master"): NEW}
    (moved,) = plan_follow({"a": order(True, False)}, heads, now_ns=9).values()
    assert [each.commit for each in moved.inputs] == [str(NEW), str(OLD)]
    assert (moved.serial, moved.token) == (9, "t")
    for still, there in (
        (order(False), heads),
        (order(True), {("trips", "master"): OLD}),
        (order(True), {("trips", "master"): None}),
        (order(True), {}),
        (order(True, wanted="stopped"), heads),
    ):
        assert plan_follow({"a": still}, there, now_ns=9) == {}


def test_a_new_order_is_a_later_one_whatever_the_clock_says() -> None:
    (moved,) = plan_follow({"a": order(True)}, {("trips", "master"): NEW}, now_ns=1).values()
    assert moved.serial == 6


def test_a_service_that_follows_is_ordered_at_the_head_and_again_when_it_has_moved(
    store: Store, port: int, service_spec: Callable[..., Spec]
) -> None:
    inputs = {"pfs": {"repo": "trips", "glob": "/", "follow": True}}
    with RoleLock(store.path, Role.SERVICES) as lock:
        assert lock.acquire_nowait()
        create_service(store, service_spec(port=port, input=inputs), wait_seconds=0)
    orders = dict(record.iter_orders(store))
    assert follow(store, orders, now_ns=1) == orders
    with store.repo("trips").edit() as edit:
        edit.write("new", b"")
    now = follow(store, orders, now_ns=1)
    assert edit.result is not None
    assert now["lab"].inputs[0].commit == str(edit.result.id)
    assert record.find_order(store, "lab") == now["lab"]


def test_an_order_that_somebody_has_changed_is_not_overwritten(store: Store) -> None:
    record.put_order(store, "a", order(True))
    seen = dict(record.iter_orders(store))
    stopped = order(True, wanted="stopped")
    record.put_order(store, "a", stopped)
    assert follow(store, seen, now_ns=9) == seen
    assert record.find_order(store, "a") == stopped


def test_a_service_that_has_ended_follows_nothing(store: Store) -> None:
    record.put_order(store, "a", order(True))
    record.put_status(store, "a", Status(serial=5, state="stopped"))
    orders = dict(record.iter_orders(store))
    assert follow(store, orders, now_ns=9) == orders
