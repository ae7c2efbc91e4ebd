"""What a mount shows and what may be done to it, with no kernel in sight; README.md is the map."""

from __future__ import annotations

from pfsfuse.vfs.refresh import DropAttributes, DropEntry, Invalidations, Refresh
from pfsfuse.vfs.vfs import Vfs
from pfsfuse.vfs.views import HostView, JobView, JobViews, View, ViewInput

__all__ = [
    "DropAttributes",
    "DropEntry",
    "HostView",
    "Invalidations",
    "JobView",
    "JobViews",
    "Refresh",
    "Vfs",
    "View",
    "ViewInput",
]
