"""A mount that commits by itself what was written to it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from pfsfuse.config import Config
from pfsfuse.control import client, launch
from pfsfuse.mountoptions import MountOptions
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

Wait = Callable[..., bool]


def mounted(config: Config, seconds: float | None) -> launch.Ready:
    return launch.start_mount(config, config.mountpoint, MountOptions(autocommit_seconds=seconds))


def message(store: Store) -> str:
    head = store.repo("trips").head()
    return "" if head is None else head.message


def test_what_was_written_becomes_a_commit_that_says_so(config: Config, store: Store, wait_for: Wait) -> None:
    mounted(config, 0.2)
    (config.mountpoint / "trips" / "new").write_text("1")
    assert wait_for(lambda: message(store) == "autocommit: change new" and store.drafts() == [])


def test_what_a_killed_mount_has_left_is_committed_by_the_next(
    config: Config, store: Store, wait_for: Wait
) -> None:
    killed = mounted(config, None)
    (config.mountpoint / "trips" / "left").write_text("1")
    os.kill(killed.pid, signal.SIGKILL)
    mounted(config, 0.2)
    assert wait_for(lambda: message(store) == "autocommit: change left")


def test_what_cannot_be_committed_stays_and_is_reported_until_it_can(
    config: Config, store: Store, wait_for: Wait
) -> None:
    trips = config.mountpoint / "trips"
    before = mounted(config, None)
    (trips / "7-01-16").write_text("mine")
    client.stop(config.store, before.pid)
    with store.repo("trips").edit(message="theirs") as edit:
        edit.write("7-01-16", b"theirs")
    ready = mounted(config, 0.2)

    def told() -> str:
        status = json.loads((config.mountpoint / ".pfs" / "status").read_text())
        return str(status["commits"].get("trips@master", ""))

    assert wait_for(lambda: "failed" in told()), told()
    assert message(store) == "theirs"
    assert (trips / "7-01-16").read_text() == "mine"
    with open(ready.log) as log:
        assert "trips@master cannot be committed, and will be tried again" in log.read()
    (trips / "7-01-16").write_text("theirs")
    assert wait_for(lambda: "failed" not in told()), told()
