from __future__ import annotations

import pytest

from pfsfuse.scheduler.trouble import Trouble


def test_what_goes_on_failing_is_told_once_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble()
    for _ in range(5):
        trouble.meet("cannot plan", OSError("the disk is full"), 2.0)
    trouble.end("cannot plan")
    trouble.end("cannot plan")
    assert caplog.messages == ["cannot plan: the disk is full", "no longer: cannot plan"]


def test_another_reason_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble()
    for reason in ("full", "full", "read-only"):
        trouble.meet("cannot plan", OSError(reason), 2.0)
    assert caplog.messages == ["cannot plan: full", "cannot plan: read-only"]


def test_what_fails_again_is_tried_again_after_a_longer_pause() -> None:
    trouble = Trouble()
    pauses = [trouble.meet("cannot plan", OSError("full"), 2.0) for _ in range(6)]
    assert pauses == [2.0, 4.0, 8.0, 16.0, 16.0, 16.0]
    trouble.end("cannot plan")
    assert trouble.meet("cannot plan", OSError("full"), 2.0) == 2.0
