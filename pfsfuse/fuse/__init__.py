"""How the kernel asks: the only folder that speaks pyfuse3; README.md is the map."""

from __future__ import annotations

from pfsfuse.fuse.invalidate import Refresher
from pfsfuse.fuse.mount import serve
from pfsfuse.fuse.mountpoint import prepare_mountpoint, unmount

__all__ = ["Refresher", "prepare_mountpoint", "serve", "unmount"]
