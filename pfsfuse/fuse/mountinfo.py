"""What is mounted where, as the kernel says: /proc/self/mountinfo, without touching any mount.

A stat of a dead mount fails and of a hung one never returns, so nothing here looks at the mountpoint itself.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

TYPE = "fuse.pfs"
"""How our mounts show in `mount` and `df -T`."""


@dataclass(frozen=True, slots=True)
class MountEntry:
    """One line."""

    device: str
    """major:minor."""
    path: Path
    type: str
    source: str
    options: frozenset[str]


def parse(text: str) -> tuple[MountEntry, ...]:
    """The lines in order: of two mounts at one path the later one is on top."""
    entries = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        options = frozenset(fields[5].split(",")) | frozenset(kind[2].split(","))
        entries.append(MountEntry(fields[2], Path(_plain(fields[4])), kind[0], _plain(kind[1]), options))
    return tuple(entries)


def mount_at(path: Path) -> MountEntry | None:
    """The topmost mount whose mountpoint is exactly `path`, which is absolute and without symlinks."""
    return next((entry for entry in reversed(_entries()) if entry.path == path), None)


def mounts_of(store_path: Path) -> list[Path]:
    """Where this store is mounted, by living daemons and by dead ones."""
    real = os.path.realpath(store_path)
    ours = (entry for entry in _entries() if entry.type == TYPE)
    return [entry.path for entry in ours if os.path.realpath(entry.source) == real]


def store_at(path: Path) -> Path | None:
    """The store whose mount is at `path`; None when no mount of ours is there."""
    entry = mount_at(real_path(path))
    return Path(entry.source) if entry is not None and entry.type == TYPE else None


def real_path(path: str | os.PathLike[str]) -> Path:
    """`path` made absolute with its parents' symlinks followed, its last part left alone: it may be a dead mount."""
    absolute = Path(os.path.abspath(path))
    return Path(os.path.realpath(absolute.parent)) / absolute.name


def _entries() -> tuple[MountEntry, ...]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return parse(file.read())


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
