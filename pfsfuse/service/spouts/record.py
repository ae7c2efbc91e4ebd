"""What is known of a spout: the shelf "spouts", written by the one process that supervises."""

from __future__ import annotations

from pathlib import Path

import msgspec

from store import Shelf, Store


class SpoutStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a spout is."""

    state: str
    """"running"; "crashing" while it waits to be started again; "stopped"."""
    pid: int | None = None
    """The worker process that keeps the command."""
    started_ns: int | None = None
    restarts: int = 0
    reason: str = ""
    """Why it ended last, or why what it wrote cannot be committed."""


def find_spout(store: Store, name: str) -> SpoutStatus | None:
    """None when it has never run."""
    found = _shelf(store).get(name.encode())
    return None if found is None else msgspec.json.decode(found, type=SpoutStatus)


def find_spouts(store: Store) -> set[str]:
    """The names of all that have run and are not forgotten."""
    return {key.decode() for key, _ in _shelf(store).iter()}


def put_spout(store: Store, name: str, status: SpoutStatus | None) -> None:
    """None forgets it."""
    _shelf(store).update({name.encode(): None if status is None else msgspec.json.encode(status)})


def log_path(store_path: Path, name: str) -> Path:
    """Where everything is that the command printed."""
    return store_path / "logs" / "spouts" / f"{name}.log"


def _shelf(store: Store) -> Shelf:
    return store.shelf("spouts")
