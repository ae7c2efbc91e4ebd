"""`pfs put --append`: what is put goes to the ends of files that are there.

That costs what is added, however large the file is: it is cut into chunks from its last one on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from pfsfuse.cli.data.sources import Step, act
from pfsfuse.cli.shared.address import STDIO
from pfsfuse.cli.shared.change import Manner, on_head
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.progress import Progress
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Commit, Draft, Edit, Stage, Target, TreeEdit

IN_MEMORY = 16 << 20
"""Bytes of standard input that are kept in memory; more go to a temporary file."""


def append_all(
    place: Target, steps: Sequence[Step], progress: Progress, manner: Manner, described: str
) -> Edit | Stage:
    """The edit that appended, ended. Worked out again when somebody else moves the branch meanwhile."""
    if folder := next((step for step in steps if step.directory), None):
        raise CommandError(f"{safe(folder.source)} is a directory, and files are appended; nothing was put")
    if len({step.path for step in steps}) < len(steps):
        raise CommandError("a file is named twice; nothing was put", hint="append it once more afterwards")
    with _kept_input(steps, progress) as kept:

        def attempt(head: Commit | Draft | None) -> Edit | Stage:
            with manner.begin(place.repo, place.branch, described, head) as edit:
                for step in steps:
                    _append(edit, step, head, progress, kept)
            return edit

        return on_head(place.repo, place.branch or "", manner.stage, attempt)


@contextmanager
def _kept_input(steps: Sequence[Step], progress: Progress) -> Iterator[IO[bytes]]:
    """Standard input, where a step wants it, in a form that can be read twice."""
    from shutil import copyfileobj
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(IN_MEMORY) as kept:
        if any(step.source == STDIO for step in steps):
            copyfileobj(progress.reading(sys.stdin.buffer), kept)
        yield kept


def _append(
    edit: TreeEdit, step: Step, head: Commit | Draft | None, progress: Progress, kept: IO[bytes]
) -> None:
    from shutil import copyfileobj
    from tempfile import SpooledTemporaryFile

    there = head.find(step.path) if head is not None else None
    kept.seek(0)
    if head is None or there is None:
        if step.source == STDIO:
            edit.write(step.path, cast(BinaryIO, kept))
        else:
            act(edit, step, progress)
        return
    if step.source == STDIO:
        edit.append(step.path, cast(BinaryIO, kept))
        return
    with open(step.source, "rb", buffering=0) as new, SpooledTemporaryFile(IN_MEMORY) as copy:
        if new.seekable():
            edit.append(step.path, progress.reading(new))
            return
        copyfileobj(progress.reading(new), copy)  # a pipe that has a name
        edit.append(step.path, cast(BinaryIO, copy))
