"""What can be asked of a mount, beyond where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MountOptions:
    """The same from the command line to the daemon, which takes it as JSON."""

    allow_other: bool = False
    """Other users may read it, root included."""
    read_only: bool = False
    """Nothing can be changed through it."""
    autocommit_seconds: float | None = None
    """What is staged becomes a commit once nothing was written for so long; None: only when somebody says so."""
    xattrs: bool = False
    """Extended attributes are answered, and can be set in what is written."""
    views: Mapping[str, str] | None = None
    """What it shows instead of all repos: names, and the REPO[@REF] that each stands for."""
