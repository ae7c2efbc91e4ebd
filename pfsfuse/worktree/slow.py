"""What takes long to be done to one file, for whoever must not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
