"""What could not be moved into the store, as it is told from process to process."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class NotStaged(msgspec.Struct, frozen=True):
    """A branch of which what was written stays where it is, for now."""

    branch: str
    """REPO@BRANCH; "" when its journal does not say."""
    directory: str
    """Of its working tree."""
    why: str
    """One line."""
    hint: str = ""
    """What to do next."""

    def is_of(self, branch: str, directory: Path) -> bool:
        """Whether it is about this branch, whose working tree is in `directory`."""
        return self.branch == branch or self.directory == os.fspath(directory)

    def __str__(self) -> str:
        return f"what was written to {self.branch or 'a branch'} cannot be staged: {self.why}"
