"""From an order to the launch that a worker runs."""

from __future__ import annotations

import json
from pathlib import Path

from pfsfuse.pipeline import compile_glob, iter_matches, parse_service
from pfsfuse.service import surroundings
from pfsfuse.service.record import FixedInput, Order
from pfsfuse.worker.api import Input, Launch
from store import CommitId, Store

OUT = "/pfs/out"
GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL; JupyterLab needs about 1 s to end its kernels."""


def plan_launch(store: Store, name: str, order: Order, *, top: Path, log: Path) -> Launch:
    """The command in its view, with `out` and `home` below `top`; everything printed goes to `log`."""
    transform = parse_service(json.dumps(order.spec), source=f"service {name}", default_name=name).transform
    home = top / "home"
    return Launch(
        name=name,
        cmd=transform.cmd,
        inputs=tuple(_input(store, each) for each in order.inputs),
        whole_host=not order.inputs,
        stdin=transform.stdin,
        env=surroundings.environment(order, transform.env, home),
        working_dir=transform.working_dir or OUT,
        log=str(log),
        out=str(top / "out"),
        home=str(home),
    )


def _input(store: Store, each: FixedInput) -> Input:
    return Input(name=each.name, repo=each.repo, commit=each.commit, paths=_paths(store, each))


def _paths(store: Store, each: FixedInput) -> tuple[str, ...]:
    if each.glob == "/":
        return ("/",)
    commit = store.commit(each.repo, CommitId.parse(each.commit))
    matches = iter_matches(commit, compile_glob(each.glob))
    return tuple("/" + path.decode("utf-8", "surrogateescape") for path, _ in matches)
