"""`with fs.transaction`: everything in the block becomes one commit on each branch that it touches, or nothing does."""

from __future__ import annotations

from typing import Any

from fsspec.transaction import Transaction

import store
from pfsfuse.filesystem.changes import Changes
from pfsfuse.filesystem.errors import translated


class PfsTransaction(Transaction):
    """A transaction of this file system object, for all threads that use this object. What is written in it can be
    read through it before the end.
    """

    def __init__(self, fs: Any) -> None:
        super().__init__(fs)
        self.message = ""
        """What the commits will say; "": what was done. May be set until the end."""
        self.commits: list[store.Commit] = []
        """The commits that were made, once it has ended."""
        self.changes: Changes | None = None
        """None before the start and after the end."""

    def start(self) -> None:
        """Begin to collect changes. Raises FileNotFoundError when there is no store."""
        changes = self.fs.changes(is_transaction=True)
        super().start()
        self.changes = changes

    def complete(self, commit: bool = True) -> None:
        """Commit what was collected, or forget it. When this raises, nothing of it was committed."""
        fs, changes, self.changes = self.fs, self.changes, None
        try:
            if changes is not None and commit:
                with translated("transaction"):
                    self.commits = changes.commit(self.message)
        finally:
            super().complete(commit=False)
            if changes is not None:
                changes.end()
        if self.commits:
            fs.tell_daemons()
