"""Which path each source of `pfs cp` and `pfs mv` gets, by the rules of cp; looks at two commits, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Commit, Draft, Entry


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a copy."""

    text: str
    """As typed."""
    files: Commit | Draft
    """Where it is."""
    path: bytes
    """b"" is the root."""

    @property
    def own_name(self) -> bytes:
        """What it is called in a directory; a root is called like its repo."""
        return self.path.rpartition(b"/")[2] or self.files.repo.encode()


@dataclass(frozen=True, slots=True)
class Copy:
    """One entry and the path it gets."""

    source: Source
    entry: Entry
    path: bytes


def plan(
    sources: Sequence[Source], dest: str, path: bytes, head: Commit | Draft | None, *, done: str
) -> list[Copy]:
    """What goes where in `head`. `done` ends the messages: what has not been done.

    With several sources, or a `path` that is the root, a directory, or typed with a / at its end, each source keeps its
    own name below it; else `path` is the new name. A file may replace a file, a directory an empty one.
    """
    there = head.find(path) if head is not None else None
    into = not path or dest.endswith("/") or len(sources) > 1 or (there is not None and there.is_dir)
    if into and there is not None and not there.is_dir:
        raise CommandError(f"{safe(dest)} is a file, and a directory is needed; nothing was {done}")
    copies: dict[bytes, Copy] = {}
    for source in sources:
        entry = source.files.entry(source.path)
        to = path if not into else path + b"/" + source.own_name if path else source.own_name
        if other := copies.get(to):
            raise CommandError(
                f"{safe(other.source.text)} and {safe(source.text)} would both be {safe(to)}; nothing was {done}"
            )
        check(source, entry, to, head.find(to) if head is not None else None, done)
        copies[to] = Copy(source, entry, to)
    return list(copies.values())


def check(source: Source, entry: Entry, to: bytes, there: Entry | None, done: str) -> None:
    """Raise CommandError when `entry` may not take the place of what is `there`."""
    if there is None:
        return
    if there.is_dir and not entry.is_dir:
        raise CommandError(
            f"{safe(to)} is a directory, and the file {safe(source.text)} would replace it; nothing was {done}"
        )
    if entry.is_dir and not there.is_dir:
        raise CommandError(
            f"{safe(to)} is a file, and the directory {safe(source.text)} would replace it; nothing was {done}"
        )
    if there.is_dir and there.content is not None:
        raise CommandError(
            f"{safe(to)} is there already; nothing was {done}",
            hint="`pfs rm -r` it first, or choose a new name; directories are not merged",
        )
