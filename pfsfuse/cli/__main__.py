"""`python -m pfsfuse.cli` is `pfs`, for a Python that is not on the PATH."""

from __future__ import annotations

from pfsfuse.cli.entry import start

if __name__ == "__main__":
    start()
