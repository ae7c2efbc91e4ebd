"""Spouts whose daemon, worker or command is killed; `python -m pfsfuse.testing.spouts` does it at length."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfsfuse.testing import spouts


@pytest.mark.slow
@pytest.mark.usefixtures("fuse")
def test_what_a_killed_spout_had_closed_is_committed_once(tmp_path: Path) -> None:
    report = spouts.run(tmp_path, kills=4, seed=1)
    assert report.commits > 4
