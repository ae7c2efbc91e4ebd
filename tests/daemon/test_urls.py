"""What programs write through URLs, beside a mount of the same store."""

from __future__ import annotations

import os

import pytest

from pfsfuse.config import Config
from pfsfuse.control import launch
from pfsfuse.filesystem import PfsFileSystem
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")


def test_a_mount_shows_what_was_written_as_soon_as_the_call_returns(config: Config, store: Store) -> None:
    launch.start_mount(config, config.mountpoint)
    trips = config.mountpoint / "trips"
    fs = PfsFileSystem(store=store.path)
    for number in range(10):
        assert f"{number}" not in os.listdir(trips)
        fs.pipe_file(f"trips/{number}", b"1")
        assert (trips / f"{number}").read_bytes() == b"1"
    with fs.transaction:
        fs.pipe_file("trips/a", b"2")
        assert "a" not in os.listdir(trips)
    assert (trips / "a").read_bytes() == b"2"
    fs.mkdir("weather")
    assert os.listdir(config.mountpoint / "weather") == []
    PfsFileSystem.clear_instance_cache()
