"""Schedulers and workers that are killed in mid-job; `python -m pfsfuse.testing.jobs` does it at length."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfsfuse.testing import jobs


@pytest.mark.slow
@pytest.mark.usefixtures("fuse")
def test_jobs_end_right_whoever_is_killed_while_they_run(tmp_path: Path) -> None:
    report = jobs.run(tmp_path, kills=5, seed=3)
    assert report.scheduler_kills + report.worker_kills == 5
    assert report.restarts > 0
