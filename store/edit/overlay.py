"""What an edit collects: an overlay, a tree of its own that holds nothing but the changed names.

    Overlay(root)                         on top of    root
      ├── "a.csv"  -> an entry                          ├── a.csv      replaced
      ├── "old"    -> None                              ├── old        removed
      └── "2016"   -> Overlay                           ├── 2016       kept, with july changed
            └── "july" -> an entry                      └── ...        kept

It does not refer to what it will be laid over, so a lost race for a branch is settled by laying it over the new head.
`lay` writes the directories that this changes, from the leaves up.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from store import tree
from store.errors import NotADirectory
from store.ids import ObjectId
from store.records import Entry
from store.trees import Trees


@dataclass(slots=True)
class Overlay:
    """What shall be different in one directory."""

    fresh: bool = False
    """Replace what the base has here, instead of changing it."""
    mode: int | None = None
    """Set the permission bits; None: as in the base, 0755 in a new directory."""
    mtime_ns: int | None = None
    """Set the mtime; None: as in the base, unless a name comes or goes."""
    names: dict[bytes, Entry | Overlay | None] = field(default_factory=dict)
    """What each name shall be; None: absent."""


class Overlaid:
    """A base directory (None: an empty one) under an overlay."""

    def __init__(self, trees: Trees, base: Entry | None, now_ns: int) -> None:
        self._trees, self._now_ns = trees, now_ns
        self.base = base
        """May be replaced by another at any time."""
        self.overlay = Overlay()

    def find(self, path: bytes) -> Entry | None:
        """The entry at `path` as it would be saved, or None. A changed directory answers with what is below
        unsummed.
        """
        at: Entry | Overlay | None = self.overlay
        base = self.base
        for name in path.split(b"/") if path else ():
            if isinstance(at, Overlay):
                below = self._below(at, base, name)
                at = at.names.get(name, below)
                base = below if isinstance(at, Overlay) and not at.fresh else None
            else:
                at = self._lookup(at, name)
        if isinstance(at, Overlay):
            plain = base is not None and base.is_dir
            return base if plain else Entry(b"", stat.S_IFDIR | (at.mode or 0o755), self._now_ns, 0, files=0)
        return at

    def directory(self, path: bytes) -> Overlay:
        """The overlay of the directory at `path`, made where there is none. Raises NotADirectory."""
        overlay, base, walked = self.overlay, self.base, b""
        for name in path.split(b"/") if path else ():
            walked = walked + b"/" + name if walked else name
            below = self._below(overlay, base, name)
            there = overlay.names.get(name, below)
            if not isinstance(there, Overlay):
                if there is not None and not there.is_dir:
                    raise NotADirectory(walked)
                there = overlay.names[name] = self._opened(there, grafted=name in overlay.names)
            overlay, base = there, None if there.fresh else below
        return overlay

    def lay(self, save: Callable[[bytes], ObjectId]) -> Entry:
        """Write the directories that differ from the base with `save`, from the leaves up; the new root."""
        return self._lay(self.overlay, self.base, b"", save)

    def _lay(
        self, overlay: Overlay, base: Entry | None, name: bytes, save: Callable[[bytes], ObjectId]
    ) -> Entry:
        old = None if overlay.fresh or base is None or not base.is_dir else base
        changes: dict[bytes, Entry | None] = {}
        moved = old is None
        for below, value in overlay.names.items():
            there = self._lookup(old, below)
            new = self._lay(value, there, below, save) if isinstance(value, Overlay) else value
            if new == there or (new is not None and there is not None and _same(there, new)):
                continue
            changes[below] = new
            moved = moved or new is None or there is None
        root = tree.edit(_content(old), old.height if old else 0, changes, self._trees.load_node, save)
        mode = overlay.mode if overlay.mode is not None else stat.S_IMODE(old.mode) if old else 0o755
        kept = old.mtime_ns if old is not None and not moved else self._now_ns
        return Entry(
            name=name,
            mode=stat.S_IFDIR | mode,
            mtime_ns=kept if overlay.mtime_ns is None else overlay.mtime_ns,
            size=root.size,
            content=root.id,
            height=root.height,
            files=root.files,
            digest=root.digest,
            xattrs=old.xattrs if old is not None else None,
        )

    def _opened(self, there: Entry | None, *, grafted: bool) -> Overlay:
        """An overlay for a directory that had none; unfolded from `there` when that was grafted in this edit."""
        made = Overlay(fresh=grafted)
        if grafted and there is not None:
            made.mode, made.mtime_ns = stat.S_IMODE(there.mode), there.mtime_ns
            made.names.update({below.name: below for below in self._trees.iter_directory(there)})
        return made

    def _below(self, overlay: Overlay, base: Entry | None, name: bytes) -> Entry | None:
        return None if overlay.fresh else self._lookup(base, name)

    def _lookup(self, directory: Entry | None, name: bytes) -> Entry | None:
        return self._trees.lookup(directory, name) if directory is not None and directory.is_dir else None


def _content(directory: Entry | None) -> ObjectId | None:
    return None if directory is None or directory.content is None else ObjectId(directory.content)


def _same(old: Entry, new: Entry) -> bool:
    """Whether a file or symlink put again is what is there: then the old entry stays, mtime included."""
    return (
        not new.is_dir
        and old.mode == new.mode
        and old.xattrs == new.xattrs
        and old.identity() == new.identity()
    )
