"""What people do with services: order one, look, stop it. Synchronous; the command line calls these.

An order is a durable record, and the process that supervises services acts on it (`supervisor.py`): nothing is
started from here, so a service never belongs to the terminal it was ordered from. Waiting means watching the
status that the supervisor writes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import msgspec

from pfsfuse.errors import DaemonError, ServiceError
from pfsfuse.pipeline import PfsInput, Spec, inputs, spec_json
from pfsfuse.role import Role, RoleLock, is_played
from pfsfuse.service import output, ports, record, surroundings
from pfsfuse.service.record import FixedInput, Order, Service, Status
from store import Commit, CommitId, Store, StoreError

ORIGIN = "service"
WATCH_SECONDS = 0.05
"""Between two looks at a status; a look is a read of mapped memory."""


def create_service(
    store: Store, spec: Spec, *, token: str | None = None, wait_seconds: float = 90.0
) -> Service:
    """Order the service that `spec` describes and wait until it answers.

    Each input is fixed at the exact commit its branch or ref means now; one with `follow` moves along with its branch:
    the command is started again on each new head. The repo of the service's name is made if
    need be: what is saved in /pfs/out is committed there. With `wait_seconds` 0 it returns as soon as the order is
    durable, with the state "starting".

    Raises DaemonError when nobody supervises services; ServiceError when the name is in use, a port is taken or an
    input has no commits (nothing has changed then), and when the service fails (the end of its log is in the
    message; `show_service` tells more). The store's own errors pass: RepoNotFound, RefNotFound, BadName.
    """
    if spec.service is None:
        raise ServiceError(
            f"{spec.name}: not a service", hint="give it `service: {internal_port, external_port}`"
        )
    if not is_played(store.path, Role.SERVICES):
        raise DaemonError(
            "no pfs daemon runs for this store", hint="start one with `pfs mount` or `pfs scheduler`"
        )
    name, transform = spec.name, spec.transform
    jupyter = surroundings.runs_jupyter(transform.cmd, transform.stdin)
    if jupyter:
        surroundings.require_jupyter(transform.cmd, transform.stdin)
    _require_unused(store, name)
    internal, external = spec.service.internal_port, spec.service.external_port
    _require_ports(store, internal, external)
    order = Order(
        serial=time.time_ns(),
        wanted="running",
        spec=spec_json(spec),
        inputs=tuple(_pin(store, each) for each in inputs(spec) if isinstance(each, PfsInput)),
        internal_port=internal,
        external_port=external,
        token=token or secrets.token_hex(24),
        jupyter=jupyter,
    )
    if store.find_repo(name) is None:
        store.create_repo(name, description=spec.description or f"saved by the service {name}", origin=ORIGIN)
    record.put_order(store, name, order)
    if not wait_seconds:
        return show_service(store, name)
    status = _wait(store, name, order, lambda status: status.state == "running" or status.final, wait_seconds)
    if status.final:
        raise ServiceError(
            f"service {name!r} {status.state}: {status.reason}", hint=f"`pfs service show {name}`"
        )
    if status.state != "running":
        raise ServiceError(
            f"service {name!r} does not answer on port {internal} after {wait_seconds:.0f} s; it is still starting",
            hint=f"`pfs service show {name}`; its log is {output.log_path(store.path, name)}",
        )
    return show_service(store, name)


def list_services(store: Store) -> list[Service]:
    """Every service, running or not, in name order."""
    return [_service(store, name, order) for name, order in record.iter_orders(store)]


def show_service(store: Store, name: str) -> Service:
    """The service called `name`. Raises ServiceError when there is none."""
    return _service(store, name, _get_order(store, name))


def stop_service(store: Store, name: str, *, wait_seconds: float = 60.0) -> Commit | None:
    """End the service and return the commit of what it saved in /pfs/out; None if it never saved anything.

    Harmless on one that has ended already. Works without a daemon, too: what a crash left behind is committed then.
    Raises ServiceError when there is no such service, when it has not ended within `wait_seconds`, or when what it
    saved cannot be committed.
    """
    while not record.status_of(store, name, order := _get_order(store, name)).final:
        if record.replace_order(store, name, order, msgspec.structs.replace(order, wanted="stopped")):
            break
    with RoleLock(store.path, Role.SERVICES) as lock:
        if lock.acquire_nowait():
            settle(store, name, order, "", "stopped")
    status = _wait(store, name, order, lambda status: status.final, wait_seconds)
    if not status.final:
        raise ServiceError(f"service {name!r} has not ended after {wait_seconds:.0f} s", hint="try again")
    if (output.scratch(store.path, name) / "out").exists():
        raise ServiceError(
            f"service {name!r} has ended; {status.reason}",
            hint="mend that and create it again: it goes on with what is there",
        )
    return None if status.commit is None else store.commit(name, CommitId.parse(status.commit))


def delete_service(store: Store, name: str) -> None:
    """Forget a service that has ended; its repo stays. Raises ServiceError while it runs."""
    order = _get_order(store, name)
    if not record.status_of(store, name, order).final:
        raise ServiceError(f"service {name!r} is running", hint=f"`pfs service stop {name}` first")
    record.forget(store, name)


def settle(store: Store, name: str, order: Order, reason: str, state: str) -> Status:
    """Commit what the service saved, clear its scratch away and write its final status, unless that is done.

    What cannot be committed stays where it is, and the final status says so; another call tries again.
    To be called by whoever holds the services lock, when no process of the service is alive.
    """
    before, out = record.status_of(store, name, order), output.scratch(store.path, name) / "out"
    if before.final and not out.exists():
        return before
    saved = None
    try:
        saved = output.commit(store, name, order, message=f"{name} {state}")
        output.discard(store.path, name)
    except (StoreError, OSError) as error:
        state, reason = "failed", f"cannot be committed: {error}; all of it is in {out}"
    status = Status(
        serial=order.serial,
        state=state,
        started_ns=before.started_ns,
        restarts=before.restarts,
        reason=reason,
        commit=None if saved is None else str(saved.id),
    )
    record.put_status(store, name, status)
    return status


def _require_ports(store: Store, internal: int, external: int) -> None:
    """Both ports are free: of other services, of which some may only be starting, and of everything else."""
    for other, order in record.iter_orders(store):
        shared = {internal, external} & {order.internal_port, order.external_port}
        if shared and not record.status_of(store, other, order).final:
            raise ServiceError(
                f"port {shared.pop()} is taken by the service {other!r}",
                hint=f"choose another one, or stop it: `pfs service stop {other}`",
            )
    ports.require_free(external, what="service.external_port")
    if internal != external:
        ports.require_free(internal, what="service.internal_port")


def _require_unused(store: Store, name: str) -> None:
    order = record.find_order(store, name)
    if order is not None and not record.status_of(store, name, order).final:
        raise ServiceError(
            f"service {name!r} exists already and is {record.status_of(store, name, order).state}",
            hint=f"`pfs service show {name}` shows its address, `pfs service stop {name}` ends it",
        )
    repo = store.find_repo(name)
    if repo is not None and repo.origin != ORIGIN:
        raise ServiceError(
            f"{name!r} is the name of a repo that is not a service's", hint="give the service another name"
        )


def _pin(store: Store, wanted: PfsInput) -> FixedInput:
    """The exact commit that `wanted` means now."""
    repo = store.repo(wanted.repo)
    commit = repo.commit(wanted.commit) if wanted.commit else repo.head(wanted.branch)
    if commit is None:
        raise ServiceError(
            f"input {wanted.name}: {wanted.repo}@{wanted.branch} has no commits yet",
            hint=f"`pfs put FILE {wanted.repo}@{wanted.branch}` makes the first",
        )
    return FixedInput(
        name=wanted.name,
        repo=wanted.repo,
        branch=wanted.branch if wanted.follow else commit.branch,
        commit=str(commit.id),
        glob=wanted.glob,
        follow=wanted.follow,
    )


def _get_order(store: Store, name: str) -> Order:
    order = record.find_order(store, name)
    if order is None:
        raise ServiceError(f"no service {name!r}", hint="`pfs service list` shows those that exist")
    return order


def _service(store: Store, name: str, order: Order) -> Service:
    status = record.status_of(store, name, order)
    return Service(
        name=name,
        state=status.state,
        reason=status.reason,
        url=record.url(order),
        internal_port=order.internal_port,
        external_port=order.external_port,
        token=order.token,
        inputs=order.inputs,
        pid=status.pid,
        restarts=status.restarts,
        ordered_ns=order.serial,
        started_ns=status.started_ns,
        out=str(output.scratch(store.path, name) / "out"),
        log=str(output.log_path(store.path, name)),
        commit=status.commit,
        spec=order.spec,
    )


def _wait(store: Store, name: str, order: Order, until: Callable[[Status], bool], seconds: float) -> Status:
    """The status once `until` holds for it, or as it is when the time is over."""
    deadline = time.monotonic() + seconds
    while not until(status := record.status_of(store, name, order)) and time.monotonic() < deadline:
        time.sleep(WATCH_SECONDS)
        order = record.find_order(store, name) or order  # a branch that it follows may have moved
    return status
