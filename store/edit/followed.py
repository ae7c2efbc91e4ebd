"""What an edit has worked out from its base: the files that it adds to, or changes in place.

An edit whose branch has moved meanwhile is laid over the new head. What it worked out would then replace what somebody
else has written there, so the head must have the same at those paths.
"""

from __future__ import annotations

from store.records import Entry
from store.trees import Trees


class Followed:
    """Paths, and what the base had there."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self._had: dict[bytes, Entry | None] = {}
        """None: nothing."""

    def note(self, base: Entry | None, path: bytes, there: Entry | None) -> None:
        """What `path` will be is worked out from `there`: note that, if it is what the base has."""
        was = self._in(base, path)
        if was == there:
            self._had.setdefault(path, was)

    def holds_in(self, base: Entry | None) -> bool:
        """Whether nothing would be lost over `base`: it has what was noted, and not something else."""
        return all(_is_same(was, self._in(base, path)) for path, was in self._had.items())

    def _in(self, root: Entry | None, path: bytes) -> Entry | None:
        return None if root is None else self._trees.find(root, path)


def _is_same(old: Entry | None, new: Entry | None) -> bool:
    if old is None or new is None:
        return old is new
    return old.identity() == new.identity()
