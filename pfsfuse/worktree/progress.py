"""How far staging is, as it is told from process to process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec


class Staging(msgspec.Struct, frozen=True):
    """What was written to one branch is being moved into its draft."""

    branch: str
    """REPO@BRANCH."""
    files: int
    """Of those whose bytes are all here, so many are done."""
    total: int
    """So many there are."""
    size: int
    """Bytes of those that are done."""


TellStaging: TypeAlias = Callable[[Staging], None]
