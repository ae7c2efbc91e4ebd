"""What takes long to be done to one file, for whoever must not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pfsfuse.worktree.model import File
from pfsfuse.worktree.room import KNOWN, PUNCH_HOLE, ZERO_RANGE
from pfsfuse.worktree.scratch import WHOLE, Scratch
from pfsfuse.worktree.worktree import Worktree


@dataclass(frozen=True, slots=True)
class Slow:
    """Something that is done to one file in a thread, while others go on. Nothing else may be done to that file
    meanwhile but reading it.
    """

    work: Callable[[], None]
    """To be called in a thread. Raises OSError (ENOSPC), Corrupt; then the file is as it was."""
    end: Callable[[], None]
    """To be called afterwards where names change, once, whatever has become of `work`. OSError (ENOSPC)."""
    all_of_it: bool = False
    """Whether that was all that was asked for; else it is to be asked for again."""


def slow_allocation(worktree: Worktree, file: File, mode: int, offset: int, length: int) -> Slow | None:
    """What is to be done in a thread before `Worktree.allocate`, or instead of it; None: it does not take long."""
    if mode not in KNOWN or file.shown == 0:
        return None
    scratch = worktree.open(file)
    if mode & (PUNCH_HOLE | ZERO_RANGE):
        if scratch.zeros(offset, length) > WHOLE:
            clear = partial(scratch.clear, mode, offset, length)
            return Slow(clear, partial(_note, worktree, file, scratch), all_of_it=True)
    elif scratch.base is not None:
        return Slow(scratch.copy_all, partial(_note, worktree, file, scratch))
    worktree.release(file)
    return None


def slow_copy(worktree: Worktree, file: File) -> Slow | None:
    """What is to be done in a thread before `file` is written to; None: it does not take long.

    Where holes cannot stand for what the store has, a file of the store is copied then.
    """
    base = file.entry
    if file.shown is not None or base is None or base.size <= WHOLE or worktree.files.show_through:
        return None
    made: list[int] = []
    worktree.hold(file)

    def end() -> None:
        try:
            if made:
                worktree.note_made(file, made[0])
        finally:
            worktree.release(file)

    return Slow(lambda: made.append(worktree.files.make(file.number, base)), end)


def _note(worktree: Worktree, file: File, scratch: Scratch) -> None:
    try:
        worktree.note_shown(file, scratch)
    finally:
        worktree.release(file)
