"""The versions of one path: what it was in each commit that changed it, through renames."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from store import names
from store.commit import AnyPath, Commit
from store.records import Entry
from store.repo.ancestry import Ancestry


class Version(msgspec.Struct, frozen=True):
    """One commit that changed what is followed."""

    commit: Commit
    path: bytes
    """Where it was in this commit; where it had been, when the commit deleted it."""
    kind: str
    """ "A" added, "M" modified, "R" renamed, "D" deleted."""
    entry: Entry | None
    """What it was in this commit; None: deleted."""
    source: bytes | None = None
    """Where it was before it was renamed."""


class Versions(Ancestry):
    """Following what is at a path."""

    def follow(self, path: AnyPath, ref: str = "") -> Iterator[Version]:
        """The commits that changed what is at `path` in the commit that `ref` names, newest first.

        A path that came with a commit which deleted the same contents elsewhere was renamed, and is followed under its
        old name; an empty file is not. Otherwise what was at the path before, and had been deleted, is followed. Looks
        at every commit back to the first, as it is taken. Raises RefNotFound; PathNotFound when nothing is at `path`.
        """
        raw = names.path(path)
        commit = self.commit(ref)
        return self._follow(commit, raw, commit.entry(raw))

    def _follow(self, commit: Commit, path: bytes, new: Entry | None) -> Iterator[Version]:
        while True:
            parent = None if commit.parent is None else self._parent(commit, commit.parent)
            same = parent is not None and parent.tree.content == commit.tree.content
            old = new if same else None if parent is None else parent.find(path)
            if old is None and new is not None:
                source = None if parent is None else self._renamed(parent, commit, path, new)
                yield Version(commit, path, "A" if source is None else "R", new, source)
                if source is not None and parent is not None:
                    path, old = source, parent.find(source)
            elif new is None and old is not None:
                yield Version(commit, path, "D", None)
            elif new is not None and old is not None and _changed(old, new):
                yield Version(commit, path, "M", new)
            if parent is None:
                return
            commit, new = parent, old

    def _renamed(self, parent: Commit, commit: Commit, path: bytes, new: Entry) -> bytes | None:
        """What `commit` deleted that had the contents of `new`: of the same name if possible, else the first."""
        if new.size == 0:
            return None
        _, _, name = path.rpartition(b"/")
        found = None
        for change in self._trees.diff(parent.tree, commit.tree):
            old = change.old
            if change.new is None and old is not None and old.identity() == new.identity():
                if old.name == name:
                    return change.path
                found = found or change.path
        return found


def _changed(old: Entry, new: Entry) -> bool:
    """Whether the contents or the permissions differ; times alone do not count."""
    return (old.mode, old.xattrs, old.identity()) != (new.mode, new.xattrs, new.identity())
