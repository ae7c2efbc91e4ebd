"""What reading asks the disk for."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def asked(monkeypatch) -> list[tuple[int, int]]:
    """What the disk was asked for: offset and size."""
    heard: list[tuple[int, int]] = []

    def advise(descriptor: int, offset: int, size: int, advice: int) -> None:
        if advice == os.POSIX_FADV_WILLNEED:
            heard.append((offset, size))

    monkeypatch.setattr(os, "posix_fadvise", advise)
    return heard
