"""What a check says: damage is an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from store.errors import show

Progress = Callable[[str, int, int], None]
"""Told what is being checked (a word in the plural), how many are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Affected:
    """Something that cannot be read, or not be trusted, because of damage."""

    where: str
    """A commit as `trips@562dee2d…`, a branch or tag as `trips@dev`, a repo, or `pin NAME`."""
    path: bytes | None = None
    """The file or directory in it, b"" for the root; None when it is not about what the tree holds."""

    def __str__(self) -> str:
        return self.where if self.path is None else f"{self.where}:{show(self.path)[1:-1]}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not hold."""

    invariant: str
    """Its number on the format pages (`I7`); "" for bytes that cannot be read at all."""
    record: str
    """What is damaged: `object 4430…`, `commits record …`."""
    why: str
    affects: tuple[Affected, ...] = ()
    """Empty: nothing that people can name leads there."""
    more: bool = False
    """Whether it affects more than is listed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check has found."""

    problems: tuple[Problem, ...]
    unlisted: int
    """Problems beyond those listed, when there are very many."""
    read_data: bool
    """Whether every byte was verified; otherwise the chunks of files were not read."""
    repos: int
    commits: int
    pins: int
    objects: int
    segments: int
    garbage: int
    """Objects that no commit and no pin leads to: no damage, `pfs store gc` drops them."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check function yields: a problem whose paths are not looked for yet."""

    invariant: str
    record: str
    why: str
    subject: bytes | None = None
    """The object by which it affects trees."""
    name: bytes | None = None
    """The one entry of that directory node which is affected; None: everything in it."""
    affects: tuple[Affected, ...] = field(default=())
    """What is affected for sure, without looking."""
