"""A mount that is killed while programs write through it: what was acknowledged is there at the next one.

`python -m pfsfuse.testing.kills` does the same as often as one likes.
"""

from __future__ import annotations

import random

import pytest

from pfsfuse.testing.kills import campaign


@pytest.mark.slow
def test_what_was_written_is_there_after_the_mount_was_killed(tmp_path):
    assert campaign(tmp_path, kills=10, seed=random.randrange(1 << 32)) > 0
