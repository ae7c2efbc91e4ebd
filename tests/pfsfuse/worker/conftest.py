"""A store with a little data in it, and launches that read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import store as storage
from pfsfuse.worker.api import Input, Launch, Task
from store import Commit, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with storage.create(tmp_path / "store") as opened:
        for name in ("logs", "scratch"):
            (opened.path / name).mkdir(exist_ok=True)
        yield opened


@pytest.fixture
def trips(store: Store) -> Commit:
    """A commit with `2016/july.csv`, `2016/august.csv` and the link `latest`."""
    with store.create_repo("trips").edit() as edit:
        edit.write("2016/july.csv", b"31\n")
        edit.write("2016/august.csv", b"30\n")
        edit.symlink("latest", "2016/august.csv")
    assert edit.result is not None
    return edit.result


@pytest.fixture
def launch(store: Store, trips: Commit) -> Callable[..., Launch]:
    """Makes a launch of a shell command that sees `trips`, all of it unless `paths` say otherwise."""

    def make(command: str | tuple[str, ...], *, paths: tuple[str, ...] = ("/",), **more: object) -> Launch:
        given = {
            "name": "test",
            "cmd": ("sh", "-c", command) if isinstance(command, str) else command,
            "inputs": (Input(name="trips", repo="trips", commit=str(trips.id), paths=paths),),
            "log": str(store.path / "logs" / "test.log"),
        }
        return Launch(**(given | more))  # type: ignore[arg-type]

    return make


@pytest.fixture
def task(launch: Callable[..., Launch]) -> Callable[..., Task]:
    """Makes a task of a shell command; the datum's id comes from `number`."""

    def make(command: str | tuple[str, ...], *, number: int = 1, tries: int = 1, **more: object) -> Task:
        datum = f"{number:064x}"
        return Task(
            job="0" * 32,
            pipeline="sales",
            datum=datum,
            tries=tries,
            launch=launch(command, **({"name": datum} | more)),
        )

    return make
