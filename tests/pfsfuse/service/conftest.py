"""A store with a little data, and services that are real programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import store as storage
from pfsfuse.pipeline import Spec, parse_service
from store import Store
from tests import ports


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with two commits in `trips`, one on its branch `dev`, and an empty repo."""
    with storage.create(tmp_path / "store") as opened:
        trips = opened.create_repo("trips")
        for day in ("7-01-16", "7-02-16"):
            with trips.edit(message=day) as edit:
                edit.write(day, b"date,trips\n")
        with trips.edit("dev") as edit:
            edit.write("draft", b"")
        opened.create_repo("empty")
        yield opened


@pytest.fixture
def free_port() -> Callable[[], int]:
    return ports.free_port


@pytest.fixture
def port() -> int:
    return ports.free_port()


@pytest.fixture
def service_spec() -> Callable[..., Spec]:
    """Gives the specification of a service that runs `code` in Python, or `cmd`; more fields as they are."""

    def build(
        name: str = "lab", *, code: str = "", cmd: list[str] | None = None, port: int, **more: object
    ) -> Spec:
        text = {
            "pipeline": {"name": name},
            "transform": {"cmd": cmd or [sys.executable, "-c", code]},
            "service": {"internal_port": port, "external_port": port},
        }
        return parse_service(json.dumps(text | more), source="test", default_name=name)

    return build
