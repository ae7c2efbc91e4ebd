"""Edits of several repos that become commits at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from store.edit.commit import Edit, commit_all
from store.engine import Writing


class Together:
    """Edits that end in one transaction: a reader sees all of their commits, or none. They carry one id when the edits
    were begun with one `commit_id`.

    As a context manager it gives the edits, commits at the end, or discards all when anything is raised.
    """

    def __init__(self, edits: Sequence[Edit], also: Callable[[Writing], None] | None = None) -> None:
        self.edits = tuple(edits)
        self._also = also
        for edit in self.edits[1:]:
            edit._join(self.edits[0])

    def __enter__(self) -> tuple[Edit, ...]:
        return self.edits

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.edits:
                self.commit()
        finally:
            for edit in self.edits:
                edit._end(kind, error, trace)

    def commit(self) -> None:
        """Write everything and move the branches. Raises what `Edit.commit` raises for any of them; then none of them
        has moved.
        """
        commit_all(self.edits, self._also)
