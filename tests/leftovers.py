"""What runs of the tests have left in the temporary directory that were killed, or failed: pytest cannot remove all of
it, and ends in an error when it tries, though every test has passed."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from pfsfuse.fuse.mountinfo import parse
from pfsfuse.processes import is_alive
from pfsfuse.worker.removal import remove_tree

KEPT = 3
"""Runs that failed, whose directories are left to be looked at."""


def directories() -> Path:
    """Where pytest puts the directory of each run."""
    top = Path(os.environ.get("PYTEST_DEBUG_TEMPROOT") or tempfile.gettempdir()).resolve()
    return top / f"pytest-of-{getpass.getuser()}"


def clear_away(top: Path) -> None:
    """End the daemons, unmount the mounts and remove the directories of runs that are over, but of the last `KEPT` that
    came to their end. What cannot be removed stays."""
    runs = sorted((path for path in _listed(top) if not path.is_symlink()), key=_number, reverse=True)
    ended = [path for path in runs if not _is_running(path)]
    looked_at = [path for path in ended if _number(path) >= 0 and not (path / ".lock").exists()][:KEPT]
    for path in ended:
        _end_daemons(path)
        _unmount(path)
        if path not in looked_at:
            remove_tree(path)


def _listed(top: Path) -> list[Path]:
    try:
        return [*top.glob("pytest-*"), *top.glob("garbage-*")]
    except OSError:
        return []


def _number(path: Path) -> int:
    """Of a run; -1 for what pytest has begun to remove."""
    kind, _, number = path.name.partition("-")
    return int(number) if kind == "pytest" and number.isdecimal() else -1


def _is_running(path: Path) -> bool:
    try:
        return is_alive(int((path / ".lock").read_text()))
    except (OSError, ValueError):
        return False


def _end_daemons(path: Path) -> None:
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = Path("/proc", pid, "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "pfsfuse.mountd" in words and any(word.startswith(f"{path}/") for word in words):
                os.kill(int(pid), signal.SIGKILL)


def _unmount(path: Path) -> None:
    """What was mounted last comes first."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    for mount in reversed(parse(text)):
        if mount.path.is_relative_to(path):
            subprocess.run(["umount", "-l", mount.path], check=False, capture_output=True)
