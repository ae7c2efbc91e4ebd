"""What of the host goes where in a repo: planned before anything is read, then carried out step by step."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pfsfuse.cli.data import url
from pfsfuse.cli.shared.address import STDIO
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.progress import Progress
from pfsfuse.cli.shared.text import safe

if TYPE_CHECKING:
    from store import Skipped, TreeEdit


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
        if source == STDIO:
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
            hint = "of URLs, http and https can be put" if "://" in source else ""
            raise CommandError(f"{safe(source)}: {error.strerror}; nothing was put", hint=hint) from None
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
    if any(step.directory or step.source == STDIO or url.is_url(step.source) for step in steps):
        return None
    return sum(os.stat(step.source).st_size for step in steps)


def count_ahead(steps: Sequence[Step], progress: Progress) -> None:
    """Let a thread find out how many bytes there are in all, so that a progress line that is looked at can say how
    much is left. What cannot be looked at counts nothing: the putting itself says what is wrong with it.
    """
    if not progress.shown or any(step.source == STDIO or url.is_url(step.source) for step in steps):
        return

    def count() -> None:
        progress.total = sum(_bytes_below(step.source) for step in steps)

    threading.Thread(target=count, daemon=True, name="count-ahead").start()


def _bytes_below(source: str) -> int:
    found, left = 0, [source]
    while left:
        try:
            with os.scandir(left.pop()) as items:
                for item in items:
                    if item.is_dir(follow_symlinks=False):
                        left.append(item.path)
                    else:
                        found += item.stat(follow_symlinks=False).st_size
        except NotADirectoryError:
            found += os.stat(source).st_size
        except OSError:
            continue
    return found


def act(
    edit: TreeEdit,
    step: Step,
    progress: Progress,
    *,
    checksum: bool = False,
    skipped: list[Skipped] | None = None,
    keep_going: bool = False,
) -> None:
    """Carry out one step. What of a directory cannot be put is added to `skipped`; without it, it is raised. So is what
    is wrong with a file, unless the others shall be put nevertheless.
    """
    progress.stored = lambda: edit.stored
    tell = progress.tell if progress.shown else None
    if step.source == STDIO:
        edit.write(step.path, progress.reading(sys.stdin.buffer))
    elif url.is_url(step.source):
        from pfsfuse.cli.data import download

        with download.open_url(step.source) as body:
            edit.write(step.path, progress.reading(body))
    elif step.directory:
        edit.put_directory(step.source, step.path, progress=tell, checksum=checksum, skipped=skipped)
    else:
        # What the shell names is meant, as with cp: a link given here is followed, one inside a directory is kept.
        import store

        try:
            edit.put(step.source, step.path, follow=True, progress=tell)
        except (OSError, store.SourceChanged, store.SpecialFile) as error:
            if not keep_going or skipped is None:
                raise
            skipped.append(store.Skipped(os.fsencode(step.source), error))


def list_skipped(skipped: Sequence[Skipped], *, keep_going: bool) -> None:
    """Name what could not be put. Raises CommandError, unless the rest shall be committed."""
    hint = "--keep-going puts the rest"
    if len(skipped) == 1 and not keep_going:
        raise CommandError(f"{skipped[0]}; nothing was put", hint=hint)
    for each in skipped:
        print(f"pfs: {each}", file=sys.stderr)
    if skipped and not keep_going:
        raise CommandError(f"{len(skipped):,} names could not be put; nothing was put", hint=hint)
