"""What of the host goes where in a repo: planned before anything is read, then carried out step by step."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pfsfuse.cli import url
from pfsfuse.cli.errors import CommandError
from pfsfuse.cli.progress import Progress
from pfsfuse.cli.text import safe

if TYPE_CHECKING:
    from store import TreeEdit

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Step:
    """One source and the path it gets."""

    source: str
    """A path on the host, a URL, or `-`."""
    path: bytes
    """In the repo; b"" is the root, for a directory whose contents go there."""
    directory: bool


def plan(sources: Sequence[str], target: bytes, *, into: bool, recursive: bool) -> list[Step]:
    """What goes where; `into` says that `target` is a directory to put things into. Looks at the host, reads nothing.

    Raises CommandError for a source that is missing, is a directory without `recursive`, or would overwrite another.
    """
    steps: list[Step] = []
    for source in sources:
        if source == STDIN:
            if into:
                raise CommandError("standard input has no name of its own", hint="write REPO:PATH")
            steps.append(Step(source, target, directory=False))
            continue
        if url.is_url(source):
            steps.append(Step(source, _in(target, url.own_name(source)) if into else target, directory=False))
            continue
        try:
            directory = stat.S_ISDIR(os.stat(source).st_mode)
        except OSError as error:
            raise CommandError(f"{safe(source)}: {error.strerror}; nothing was put") from None
        if directory and not recursive:
            raise CommandError(f"{safe(source)} is a directory; nothing was put", hint="-r puts directories")
        steps.append(Step(source, _path(source, target, into), directory))
    taken: dict[bytes, str] = {}
    for step in steps:
        if step.path and (other := taken.setdefault(step.path, step.source)) != step.source:
            raise CommandError(
                f"{safe(other)} and {safe(step.source)} would both be {safe(step.path)}; nothing was put"
            )
    return steps


def _path(source: str, target: bytes, into: bool) -> bytes:
    own = os.fsencode(os.path.basename(source.rstrip("/")))
    if not into or own in (b".", b"..", b""):
        return target
    return _in(target, own)


def _in(directory: bytes, name: bytes) -> bytes:
    return directory + b"/" + name if directory else name


def total(steps: Sequence[Step]) -> int | None:
    """The bytes of all plain files together; None when directories are among them, URLs or standard input."""
    if any(step.directory or step.source == STDIN or url.is_url(step.source) for step in steps):
        return None
    return sum(os.stat(step.source).st_size for step in steps)


def act(edit: TreeEdit, step: Step, progress: Progress) -> None:
    if step.source == STDIN:
        edit.write(step.path, progress.reading(sys.stdin.buffer))
        return
    if url.is_url(step.source):
        from pfsfuse.cli import download

        with download.open_url(step.source) as body:
            edit.write(step.path, progress.reading(body))
        return
    if step.directory:
        edit.put_directory(step.source, step.path, progress=progress.add)
        return
    # What the shell names is meant, as with cp: a link given here is followed, one inside a directory is kept.
    source = os.path.realpath(step.source)
    status = os.stat(source)
    if not stat.S_ISREG(status.st_mode):
        edit.put(source, step.path)  # which says what it is that cannot be put
        return
    with open(source, "rb", buffering=0) as stream:
        edit.write(
            step.path,
            progress.reading(stream),
            mode=stat.S_IMODE(status.st_mode),
            mtime_ns=status.st_mtime_ns,
        )
