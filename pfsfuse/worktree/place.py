"""Where the working tree of a branch is kept, and by which process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pfsfuse.errors import WorktreeError

DIRECTORY = "worktrees"
"""Of the store's directory."""


def place(store_path: Path, repo: str, branch: str) -> Path:
    """The directory of a branch's working tree. Names of branches may be long and hold a slash."""
    from hashlib import blake2b

    name = blake2b(f"{repo}@{branch}".encode(), digest_size=16).hexdigest()
    return store_path / DIRECTORY / name


def locked(path: Path) -> int:
    """A descriptor of the file `path` that holds its lock. Raises WorktreeError (`in_use`) when somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        error = WorktreeError(
            f"another process has the working tree in {path.parent} open",
            hint="`pfs status` shows which mounts there are",
        )
        error.in_use = True
        raise error from None
    return descriptor
