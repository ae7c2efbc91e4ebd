"""For every test: what a mount needs, and the check that none is left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pfsfuse.fuse.mountinfo import TYPE, parse
from tests.leftovers import clear_away, directories

# A busy machine makes examples slow, not wrong.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Once for a run, before it has a directory of its own."""
    if not hasattr(config, "workerinput"):
        clear_away(directories())


def _mounts(below: Path) -> list[str]:
    mounts = parse(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))
    return [str(mount.path) for mount in mounts if mount.type == TYPE and mount.path.is_relative_to(below)]


@pytest.fixture
def fuse() -> None:
    """The test makes a real mount. Without /dev/fuse it is skipped, and says so; with CI set that is a failure."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        if os.environ.get("CI"):
            pytest.fail("no usable /dev/fuse, and CI is set: a run without mounts proves nothing")
        pytest.skip("no usable /dev/fuse: NOTHING about the mount was tested")


@pytest.fixture(autouse=True)
def no_mount_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails the test that leaves a mount of ours behind in its temporary directory, and takes it away."""
    before = _mounts(tmp_path_factory.getbasetemp())
    yield
    left = [path for path in _mounts(tmp_path_factory.getbasetemp()) if path not in before]
    for path in left:
        subprocess.run(["umount", "-l", path], check=False)
    assert not left, f"mounts left behind: {left}"
