"""Processes of this host, by pid."""

from __future__ import annotations

from pathlib import Path


def is_alive(pid: int) -> bool:
    """Is there such a process, and is it more than an entry that its parent has not collected yet?"""
    return _state(pid) not in ("", "Z", "X")


def is_stopped(pid: int) -> bool:
    """Does it stand still until it is told to go on (SIGSTOP, Ctrl-Z, a debugger)?"""
    return _state(pid) in ("T", "t")


def _state(pid: int) -> str:
    """As `ps` has it; "" when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # "pid (name) state …", and the name may hold anything.
    return stat.rpartition(")")[2].split()[0]
