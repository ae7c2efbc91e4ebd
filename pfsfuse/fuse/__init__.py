"""How the kernel asks; README.md is the map."""

from __future__ import annotations

from pfsfuse.fuse.committing import Committer
from pfsfuse.fuse.invalidate import Refresher
from pfsfuse.fuse.mount import serve
from pfsfuse.fuse.mountinfo import mounts_of, store_at
from pfsfuse.fuse.mountpoint import detach, prepare_mountpoint, unmount, users_of
from pfsfuse.fuse.staging import Stager

__all__ = [
    "Committer",
    "Refresher",
    "Stager",
    "detach",
    "mounts_of",
    "prepare_mountpoint",
    "serve",
    "store_at",
    "unmount",
    "users_of",
]
