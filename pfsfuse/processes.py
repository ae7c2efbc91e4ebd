"""Processes of this host, by pid."""

from __future__ import annotations

from pathlib import Path


def is_alive(pid: int) -> bool:
    """Is there such a process, and is it more than an entry that its parent has not collected yet?"""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    # "pid (name) state …", and the name may hold anything.
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
