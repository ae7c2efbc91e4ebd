"""What a salvage says: what it kept, and what is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from store.fsck import Problem

Progress = Callable[[str, int, int], None]
"""Told what is being done (a word in the plural), how much is done and how much there is."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that is not in the new store as it was in the damaged one."""

    where: str
    """A commit as `trips@562dee2d…`, a branch or tag as `trips@dev`, a repo, or `pin NAME`."""
    path: bytes | None
    """The file or directory in it that is lost; None when it is about the whole."""
    why: str
    """What became of it."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was got out."""

    path: Path
    """The new store."""
    repos: int
    commits: int
    """All that were kept."""
    changed: dict[str, str]
    """Those of them that are not what they were, because files in them were lost: `trips@OLD` and `trips@NEW`. All
    others have their ids and their trees."""
    relinked: int
    """Commits with another parent than before, or parents with another: their digests are new."""
    pins: int
    losses: tuple[Loss, ...]
    """In the order in which they were met."""
    problems: tuple[Problem, ...]
    """What a check of the new store says: nothing, or what was wrong before without being damaged."""

    @property
    def complete(self) -> bool:
        """Whether everything is in the new store as it was."""
        return not self.losses
